//! `#[inferlet::tool]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, FnArg, Ident, ItemFn, Lit, Meta, Pat, ReturnType, Type};

/// One argument of the function.
struct Argument {
    /// Doc comments, and attributes of serde and schemars.
    attributes: Vec<Attribute>,
    name: Ident,
    ty: Type,
}

pub fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !attribute.is_empty() {
        return Err(syn::Error::new_spanned(attribute, "`inferlet::tool` takes no arguments"));
    }
    let mut function: ItemFn = syn::parse2(item)?;
    if !function.sig.generics.params.is_empty() {
        return Err(syn::Error::new_spanned(&function.sig.generics, "a tool is not generic"));
    }
    let description = doc_text(&function.attrs);
    if description.is_empty() {
        return Err(syn::Error::new_spanned(
            &function.sig.ident,
            "a tool needs a doc comment: it tells the model what the tool is for",
        ));
    }
    let arguments = function.sig.inputs.iter_mut().map(take_argument).collect::<syn::Result<Vec<_>>>()?;
    let value = value(&function);
    let methods = methods(&function, &arguments, &description);
    Ok(quote! {
        #value
        #methods
    })
}

/// The value that takes the place of the function, with the function itself as `invoke`.
fn value(function: &ItemFn) -> TokenStream {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    let documentation: Vec<_> = function.attrs.iter().filter(|attribute| is_doc(attribute)).collect();
    let mut invoke = function.clone();
    invoke.sig.ident = Ident::new("invoke", name.span());
    quote! {
        #(#documentation)*
        #[allow(non_camel_case_types)]
        #[derive(Debug, Clone, Copy)]
        #visibility struct #name;

        #[allow(dead_code)]
        impl #name {
            #invoke
        }
    }
}

/// The trait, and its methods once more on the value itself, so that it need not be imported.
fn methods(function: &ItemFn, arguments: &[Argument], description: &str) -> TokenStream {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    let tool_name = name.to_string();
    let fields = arguments.iter().map(|Argument { attributes, name, ty }| quote!(#(#attributes)* #name: #ty));
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let invoke = match function.sig.asyncness {
        Some(_) => quote!(#name::invoke(#(#names),*).await),
        None => quote!(#name::invoke(#(#names),*)),
    };
    let invoke = match returns_result(&function.sig.output) {
        true => quote!(#invoke.map_err(|error| ::std::string::ToString::to_string(&error))?),
        false => invoke,
    };
    quote! {
        const _: () = {
            #[derive(::inferlet::__private::serde::Deserialize, ::inferlet::__private::schemars::JsonSchema)]
            #[serde(crate = "::inferlet::__private::serde", deny_unknown_fields)]
            #[schemars(crate = "::inferlet::__private::schemars")]
            struct Arguments {
                #(#fields,)*
            }

            impl ::inferlet::tools::Tool for #name {
                fn name(&self) -> &str {
                    #tool_name
                }

                fn schema(&self) -> ::std::string::String {
                    ::inferlet::__private::describe::<Arguments>(#tool_name, #description)
                }

                fn call<'a>(&'a self, arguments_json: &'a str) -> ::inferlet::tools::ToolFuture<'a> {
                    ::std::boxed::Box::pin(async move {
                        let Arguments { #(#names),* } =
                            ::inferlet::__private::parse_arguments(#tool_name, arguments_json)?;
                        ::inferlet::__private::to_json(#tool_name, &#invoke)
                    })
                }
            }

            #[allow(dead_code)]
            impl #name {
                /// The description for the model: JSON with `name`, `description` and `parameters`.
                #visibility fn schema(&self) -> ::std::string::String {
                    ::inferlet::tools::Tool::schema(self)
                }

                /// Calls the tool with arguments as a JSON object; the result is JSON.
                #visibility async fn call(&self, arguments_json: &str) -> ::inferlet::Result<::std::string::String> {
                    ::inferlet::tools::Tool::call(self, arguments_json).await
                }
            }
        };
    }
}

/// Reads an argument, and takes its attributes off: they belong to the field that is made from it.
fn take_argument(input: &mut FnArg) -> syn::Result<Argument> {
    let FnArg::Typed(input) = input else {
        return Err(syn::Error::new_spanned(input, "a tool is a free function"));
    };
    let Pat::Ident(pattern) = &*input.pat else {
        return Err(syn::Error::new_spanned(
            &input.pat,
            "an argument of a tool has a name, which the model uses",
        ));
    };
    if matches!(&*input.ty, Type::Reference(_)) {
        return Err(syn::Error::new_spanned(
            &input.ty,
            "arguments of a tool are owned, `String` and not `&str`",
        ));
    }
    Ok(Argument {
        attributes: std::mem::take(&mut input.attrs),
        name: pattern.ident.clone(),
        ty: (*input.ty).clone(),
    })
}

fn returns_result(output: &ReturnType) -> bool {
    match output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Result"),
            _ => false,
        },
        ReturnType::Default => false,
    }
}

fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

/// The doc comment as one text, each line without the blank that follows the slashes.
fn doc_text(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if is_doc(attribute) => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(function: &str) -> String {
        match expand(TokenStream::new(), function.parse().expect("a function")) {
            Ok(tokens) => tokens.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn documentation_becomes_the_description_and_stays_on_the_value() {
        let expanded = text(
            "/// Adds.\n///\n/// Two numbers.\nfn add(#[doc = \" first\"] a: i64, b: i64) -> i64 { a + b }",
        );
        assert!(expanded.contains("\"Adds.\\n\\nTwo numbers.\""), "{expanded}");
        assert!(expanded.contains("struct add ;"), "{expanded}");
        assert!(
            expanded.contains("fn invoke (a : i64 , b : i64)"),
            "attributes of arguments are moved: {expanded}"
        );
    }

    #[test]
    fn functions_that_cannot_be_tools_are_refused_with_a_reason() {
        assert!(text("fn add(a: i64) {}").contains("doc comment"));
        assert!(text("/// X.\nfn add(a: &str) {}").contains("owned"));
        assert!(text("/// X.\nfn add((a, b): (u8, u8)) {}").contains("has a name"));
        assert!(text("/// X.\nfn add(self) {}").contains("free function"));
        assert!(text("/// X.\nfn add<T>(a: T) {}").contains("not generic"));
    }

    #[test]
    fn only_a_result_is_unwrapped() {
        assert!(text("/// X.\nasync fn f() -> inferlet::Result<u8> { Ok(1) }").contains("map_err"));
        assert!(!text("/// X.\nfn f() -> Vec<u8> { vec![] }").contains("map_err"));
    }
}
