//! What residents pay for their pages.

use super::credits::Credits;
use crate::ids::PageId;

/// A context that has pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding<'a> {
    /// The context's table.
    pub table: u64,
    /// Its pages.
    pub pages: &'a [PageId],
}

/// What each holding owes for one step if it pays `rates[i]` for a page of its own.
///
/// A page that several hold is divided among them: each pays its rate divided by their number. Where that leaves a rest, the first
/// ones in the order of `holdings` pay a millionth more, so at one common rate a page brings in exactly that rate, however many
/// share it. Equal parts are the Shapley value of this game, in which a page costs the same whoever needs it (Shapley, "A Value for
/// n-Person Games", 1953; as for a runway that several use, Littlechild and Owen, 1973).
pub fn rents(holdings: &[Holding<'_>], rates: &[Credits]) -> Vec<Credits> {
    let length = holdings.iter().flat_map(|holding| holding.pages).map(|page| page.0 as usize + 1).max();
    // How many hold each page, and how many of them have been asked to pay.
    let mut sharers = vec![(0u32, 0u32); length.unwrap_or(0)];
    for page in holdings.iter().flat_map(|holding| holding.pages) {
        sharers[page.0 as usize].0 += 1;
    }
    let mut owes = |page: &PageId, rate: Credits| {
        let (count, asked) = &mut sharers[page.0 as usize];
        if *count == 1 {
            // Most pages are nobody else's, and divisions of such large numbers take long.
            return rate;
        }
        let (count, index) = (u128::from(*count), u128::from(std::mem::replace(asked, *asked + 1)));
        let (part, rest) = (rate.millionths() / count, rate.millionths() % count);
        Credits::from_millionths(part + u128::from(index < rest))
    };
    holdings
        .iter()
        .zip(rates)
        .map(|(holding, &rate)| holding.pages.iter().map(|page| owes(page, rate)).sum())
        .collect()
}
