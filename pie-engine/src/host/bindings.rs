//! Rust traits for the interfaces in `wit/`. Only functions that must ask the engine or wait are `async`; the others answer from the
//! state of the instance and cost tens of nanoseconds.

#![allow(missing_docs, reason = "generated from `wit/`, where the documentation is")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "pie:inferlet/imports",
    imports: {
        "pie:core/context.[static]context.create": async | trappable,
        "pie:core/context.[static]context.open": async | trappable,
        "pie:core/context.[static]context.take": async | trappable,
        "pie:core/context.[static]context.delete": async | trappable,
        "pie:core/context.[method]context.fork": async | trappable,
        "pie:core/context.[method]context.save": async | trappable,
        "pie:core/context.[method]context.snapshot": async | trappable,
        "pie:core/context.[method]context.destroy": async | trappable,
        "pie:core/context.[method]context.commit-working-pages": async | trappable,
        "pie:core/context.[method]context.reserve-working-pages": async | trappable,
        "pie:core/context.[method]context.release-working-pages": async | trappable,
        "pie:core/context.[method]context.truncate-working-page-tokens": async | trappable,
        "pie:core/context.[method]context.suspend": async | trappable,
        "pie:core/context.[method]context.bid": async | trappable,
        "pie:core/context.[drop]context": async | trappable,
        "pie:core/inference.[method]forward-pass.execute": async | trappable,
        "pie:core/runtime.launch": async | trappable,
        "pie:core/scheduling": async | trappable,
        "pie:mcp/client": async | trappable,
        "pie:mcp/client.[drop]session": trappable,
        default: trappable,
    },
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "pie:core/types.future-string": crate::host::types::FutureString,
        "pie:core/types.future-blob": crate::host::types::FutureBlob,
        "pie:core/model.model": crate::host::model::ModelHandle,
        "pie:core/model.tokenizer": crate::host::model::TokenizerHandle,
        "pie:core/context.context": crate::host::context::ContextHandle,
        "pie:core/inference.forward-pass": crate::host::inference::ForwardPass,
        "pie:core/inference.future-output": crate::host::inference::FutureOutput,
        "pie:core/inference.grammar": crate::host::inference::GrammarHandle,
        "pie:core/inference.matcher": crate::host::matcher::MatcherHandle,
        "pie:core/adapter.adapter": crate::host::adapter::AdapterHandle,
        "pie:core/messaging.subscription": crate::host::messaging::SubscriptionHandle,
        "pie:core/runtime.child": crate::host::runtime::ChildHandle,
        "pie:instruct/chat.decoder": crate::host::chat::ChatDecoding,
        "pie:instruct/reasoning.decoder": crate::host::reasoning::ReasoningDecoding,
        "pie:instruct/tool-use.decoder": crate::host::tool_use::ToolDecoding,
        "pie:mcp/client.session": crate::host::client::SessionHandle,
    },
});

/// The async face, apart from the others because only components that use it can be linked with it.
pub mod waits {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package pie:engine;
            world waits {
                import pie:core/wait;
            }
        ",
        imports: { default: trappable },
        with: {
            "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
            "pie:core/types": super::pie::core::types,
            "pie:core/model": super::pie::core::model,
            "pie:core/context": super::pie::core::context,
            "pie:core/inference": super::pie::core::inference,
            "pie:core/adapter": super::pie::core::adapter,
            "pie:core/messaging": super::pie::core::messaging,
            "pie:core/runtime": super::pie::core::runtime,
        },
    });
}
