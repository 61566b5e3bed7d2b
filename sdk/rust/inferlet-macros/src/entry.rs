//! `#[inferlet::main]`.

use crate::{name, section};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::{FnArg, ItemFn, ReturnType, Type};

pub fn expand(attribute: TokenStream, item: TokenStream, package: &str) -> syn::Result<TokenStream> {
    if !attribute.is_empty() {
        return Err(syn::Error::new_spanned(attribute, "`inferlet::main` takes no arguments"));
    }
    let function: ItemFn = syn::parse2(item)?;
    let program = program(&function)?;
    let export = export(package);
    Ok(quote! {
        #function

        const _: () = {
            #program
            #export
        };
    })
}

/// A function from JSON text to JSON text around the user's one.
fn program(function: &ItemFn) -> syn::Result<TokenStream> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &signature.generics,
            "the entry point of an inferlet is not generic",
        ));
    }
    let name = &signature.ident;
    let call = match input_type(function)? {
        None => quote!(#name()),
        Some(ty) if is_unit(ty) => quote!(#name(())),
        Some(ty) if is_string(ty) => quote!(#name(::inferlet::__private::text_input(&input))),
        Some(ty) => quote!(#name(::inferlet::__private::parse_input::<#ty>(&input)?)),
    };
    let call = match signature.asyncness {
        Some(_) => quote!(#call.await),
        None => call,
    };
    let outcome = match &signature.output {
        ReturnType::Default => quote!({ #call; ::core::result::Result::<(), ::std::string::String>::Ok(()) }),
        ReturnType::Type(..) => call,
    };
    Ok(quote! {
        fn program(
            input: ::std::string::String,
        ) -> ::core::result::Result<::std::string::String, ::std::string::String> {
            ::inferlet::__private::run_program(async move {
                let _ = &input;
                ::inferlet::__private::Outcome::into_json(#outcome)
            })
        }
    })
}

/// The type of the one argument, if there is one.
fn input_type(function: &ItemFn) -> syn::Result<Option<&Type>> {
    let mut inputs = function.sig.inputs.iter();
    let input = match inputs.next() {
        None => return Ok(None),
        Some(FnArg::Receiver(receiver)) => {
            return Err(syn::Error::new_spanned(
                receiver,
                "the entry point of an inferlet is a free function",
            ));
        }
        Some(FnArg::Typed(input)) => input,
    };
    match inputs.next() {
        Some(second) => Err(syn::Error::new_spanned(
            second,
            "the entry point of an inferlet takes one argument; make it a struct with a field for each parameter",
        )),
        None => Ok(Some(&input.ty)),
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// Whether the type is written `String`. Its input is text: serde would refuse everything but a JSON string.
fn is_string(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "String"))
}

/// The export of the component. Its name holds the package's, so it cannot be made in the SDK's own crate.
fn export(package: &str) -> TokenStream {
    let name = name::kebab(package);
    let run = format!("pie:{name}/run#run");
    let post_return = format!("cabi_post_{run}");
    // The linker takes every section whose name begins like this, and merges what they describe.
    let section_name = format!("component-type:inferlet-run:{name}");
    let section = section::encode(&name);
    let length = section.len();
    let bytes = Literal::byte_string(&section);
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        #[unsafe(export_name = #run)]
        unsafe extern "C" fn run(input: *mut u8, length: usize) -> *mut ::inferlet::__private::ReturnArea {
            unsafe { ::inferlet::__private::run_export(input, length, program) }
        }

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        #[unsafe(export_name = #post_return)]
        unsafe extern "C" fn post_return(area: *mut ::inferlet::__private::ReturnArea) {
            unsafe { ::inferlet::__private::release(area) }
        }

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code)]
        #[unsafe(link_section = #section_name)]
        static SECTION: [u8; #length] = *#bytes;

        // Natively there is nothing to export to; this keeps the program from counting as unused.
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn(::std::string::String) -> ::core::result::Result<::std::string::String, ::std::string::String> =
            program;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(function: &str, package: &str) -> String {
        let item: TokenStream = function.parse().expect("a function");
        match expand(TokenStream::new(), item, package) {
            Ok(tokens) => tokens.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn the_export_is_named_after_the_package() {
        let expanded = text("async fn main(input: Input) -> Result<Output> { todo() }", "My_Agent");
        assert!(expanded.contains("\"pie:my-agent/run#run\""), "{expanded}");
        assert!(expanded.contains("\"cabi_post_pie:my-agent/run#run\""), "{expanded}");
        assert!(expanded.contains("parse_input :: < Input >"), "{expanded}");
    }

    #[test]
    fn a_program_without_argument_or_with_unit_ignores_its_input() {
        for function in
            ["async fn main() -> Result<()> { Ok(()) }", "async fn main(_: ()) -> Result<()> { Ok(()) }"]
        {
            assert!(!text(function, "x").contains("parse_input"), "{function}");
        }
    }

    #[test]
    fn a_program_with_a_string_takes_any_input_as_text() {
        assert!(text("async fn main(input: String) -> Result<()> { Ok(()) }", "x").contains("text_input"));
    }

    #[test]
    fn a_program_may_be_synchronous_and_return_nothing() {
        let expanded = text("fn main() {}", "x");
        assert!(!expanded.contains(". await"), "{expanded}");
        assert!(expanded.contains("main ()") && expanded.contains("Ok (())"), "{expanded}");
    }

    #[test]
    fn signatures_that_cannot_be_called_are_refused_with_a_reason() {
        assert!(text("async fn main(a: A, b: B) {}", "x").contains("make it a struct"));
        assert!(text("async fn main<T>(a: T) {}", "x").contains("not generic"));
        assert!(text("async fn main(&self) {}", "x").contains("free function"));
    }
}
