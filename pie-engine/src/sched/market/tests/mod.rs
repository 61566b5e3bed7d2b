//! The rules of the market, as cases in files and as properties of random histories.

mod cases;
mod conservation;
mod knapsack;
mod over_time;
mod starvation;
