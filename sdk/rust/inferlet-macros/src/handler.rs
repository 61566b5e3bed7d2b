//! `#[inferlet::http]`.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use syn::{FnArg, ItemFn, ReturnType};

/// The section that tells the linker that the module exports `wasi:http/incoming-handler`, for this world:
///
/// ```wit
/// package pie:sdk-rust-http;
/// world handler { export wasi:http/incoming-handler@0.2.12; }
/// ```
///
/// It is always the same, and holds all of `wasi:http/types`, so it is a file that a test makes, and not made here.
const SECTION: &[u8] = include_bytes!("incoming-handler.bin");

/// The function of the export.
const HANDLE: &str = "wasi:http/incoming-handler@0.2.12#handle";

pub fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !attribute.is_empty() {
        return Err(syn::Error::new_spanned(attribute, "`inferlet::http` takes no arguments"));
    }
    let function: ItemFn = syn::parse2(item)?;
    let call = call(&function)?;
    let length = SECTION.len();
    let bytes = Literal::byte_string(SECTION);
    Ok(quote! {
        #function

        const _: () = {
            // The user's function is in sight here, and most likely called `handle`.
            async fn inferlet_http_program(
                request: ::inferlet::http::IncomingRequest,
            ) -> ::core::result::Result<::inferlet::http::OutgoingResponse, ::std::string::String> {
                #call
            }

            #[cfg(target_arch = "wasm32")]
            #[allow(unsafe_code)]
            #[unsafe(export_name = #HANDLE)]
            unsafe extern "C" fn inferlet_http_handle(request: u32, out: u32) {
                unsafe { ::inferlet::__private::handle_export(request, out, inferlet_http_program) }
            }

            #[cfg(target_arch = "wasm32")]
            #[allow(unsafe_code)]
            #[unsafe(link_section = "component-type:inferlet-http")]
            static SECTION: [u8; #length] = *#bytes;

            // Natively there is nothing to export to; this keeps the program from counting as unused.
            #[cfg(not(target_arch = "wasm32"))]
            #[allow(dead_code)]
            async fn inferlet_http_native(request: ::inferlet::http::IncomingRequest) {
                let _ = ::inferlet::__private::run_handler(request, inferlet_http_program).await;
            }
        };
    })
}

fn call(function: &ItemFn) -> syn::Result<TokenStream> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(
            &signature.generics,
            "the entry point of an inferlet is not generic",
        ));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(syn::Error::new_spanned(
            signature,
            "a handler returns `inferlet::Result<http::OutgoingResponse>`",
        ));
    }
    let mut inputs = signature.inputs.iter();
    let (Some(FnArg::Typed(_)), None) = (inputs.next(), inputs.next()) else {
        return Err(syn::Error::new_spanned(
            &signature.inputs,
            "a handler is a free function of one argument, the `http::IncomingRequest`",
        ));
    };
    let name = &signature.ident;
    Ok(if signature.asyncness.is_some() { quote!(#name(request).await) } else { quote!(#name(request)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wit_component::{DecodedWasm, StringEncoding, WitPrinter};
    use wit_parser::Resolve;

    fn text(function: &str) -> String {
        let item: TokenStream = function.parse().expect("a function");
        match expand(TokenStream::new(), item) {
            Ok(tokens) => tokens.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    fn section() -> Vec<u8> {
        let wit = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit");
        let mut resolve = Resolve::default();
        resolve.push_dir(wit).expect("`wit/` parses");
        let world = "package pie:sdk-rust-http; world handler { export wasi:http/incoming-handler@0.2.12; }";
        let package = resolve.push_str("handler.wit", world).expect("the world parses");
        let world = resolve.select_world(&[package], Some("handler")).expect("there is one world");
        wit_component::metadata::encode(&resolve, world, StringEncoding::UTF8, None)
            .expect("it can be encoded")
    }

    #[test]
    fn the_section_is_that_of_the_interface() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/incoming-handler.bin");
        if std::env::var_os("UPDATE_BINDINGS").is_some() {
            std::fs::write(&path, section()).expect("the source folder is writable");
        }
        let checked_in = std::fs::read(&path).unwrap_or_default();
        assert!(
            checked_in == section(),
            "the section is not what `wit/` says; `UPDATE_BINDINGS=1` makes it anew"
        );
    }

    #[test]
    fn the_linker_reads_the_export_back() {
        let decoded = wit_component::decode(&section()).expect("the section is a component");
        let DecodedWasm::WitPackage(resolve, package) = decoded else { panic!("it holds a package") };
        let mut printer = WitPrinter::default();
        printer.print(&resolve, package, &[]).expect("it can be printed");
        let text = printer.output.to_string();
        assert!(text.contains("export wasi:http/incoming-handler@0.2.12;"), "{text}");
    }

    #[test]
    fn a_handler_may_be_synchronous() {
        assert!(
            text("fn handle(request: IncomingRequest) -> Result<OutgoingResponse> { todo() }")
                .contains("{ handle (request) }")
        );
        assert!(
            text("async fn handle(r: IncomingRequest) -> Result<OutgoingResponse> { todo() }")
                .contains("handle (request) . await")
        );
    }

    #[test]
    fn signatures_that_cannot_be_called_are_refused_with_a_reason() {
        assert!(text("async fn handle() -> Result<OutgoingResponse> {}").contains("one argument"));
        assert!(text("async fn handle(&self) -> Result<OutgoingResponse> {}").contains("one argument"));
        assert!(text("async fn handle(a: A, b: B) -> Result<OutgoingResponse> {}").contains("one argument"));
        assert!(text("async fn handle<T>(a: T) -> Result<OutgoingResponse> {}").contains("not generic"));
        assert!(text("async fn handle(a: A) {}").contains("returns"));
    }
}
