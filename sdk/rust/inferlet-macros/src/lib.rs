//! The attributes of the `inferlet` crate. Use them through it: as `#[inferlet::main]` and `#[inferlet::tool]`.
//!
//! * [`main`](macro@main) makes the component's export: two functions of the canonical ABI and the custom section that describes
//!   them. The section is encoded here, in a few lines, rather than by the libraries made for it, because every user would
//!   compile those; a test reads it back with them.
//! * [`http`](macro@http) makes the export of an inferlet that responds to HTTP requests instead.
//! * [`tool`](macro@tool) makes a tool that the model can call.

mod entry;
mod handler;
mod name;
mod section;
mod tool;

use proc_macro::TokenStream;

/// Makes a function the entry point of an inferlet.
///
/// The function is `async` or not. It takes one argument of any type that implements `serde::Deserialize`, made from the
/// JSON that the inferlet is given; a `String` takes any JSON as text; without an argument the input is ignored. It returns `inferlet::Result<T>` with any `T`
/// that implements `serde::Serialize`, or nothing. An `Err` is the error that the caller receives, and so is an input that
/// does not fit.
///
/// The exported interface is `pie:<name>/run`, where the name is that of the Cargo package made a valid one: `_` becomes
/// `-`, upper case becomes lower case.
#[proc_macro_attribute]
pub fn main(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    expand(entry::expand(attribute.into(), item.into(), &package))
}

/// Makes a function the entry point of an inferlet that responds to HTTP requests, under `bakery run --http`.
///
/// The function is `async` or not. It takes an `inferlet::http::IncomingRequest` and returns an `inferlet::Result<inferlet::http::OutgoingResponse>`; an `Err`
/// becomes a response with status 500 and the error's text. Each request is an instance of its own, so nothing is left of the one before.
///
/// What is exported is `wasi:http/incoming-handler`, in the place of the interface that [`main`](macro@main) makes: an inferlet has one of the two.
#[proc_macro_attribute]
pub fn http(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(handler::expand(attribute.into(), item.into()))
}

/// Makes a function a tool that the model can call.
///
/// The function is `async` or not. Its doc comment tells the model what it is for, and doc comments on its arguments what
/// they mean. Arguments are owned values that implement `serde::Deserialize` and `schemars::JsonSchema`; an `Option` may be
/// left out. It returns any value that implements `serde::Serialize`, or a `Result` of one.
///
/// What stands under the function's name then is a value of the trait `inferlet::tools::Tool`, for `weather` with
/// `weather.schema()` and `weather.call(arguments_json).await`. The function itself is `weather::invoke`.
#[proc_macro_attribute]
pub fn tool(attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(tool::expand(attribute.into(), item.into()))
}

fn expand(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.into_compile_error()).into()
}
