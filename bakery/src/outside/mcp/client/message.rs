//! Messages of servers as they come, and the words in which a person hears of them.

use std::error::Error;

use rmcp::model::{
    CustomResult, JsonRpcMessage, JsonRpcResponse, JsonRpcVersion2_0, RequestId, ServerJsonRpcMessage,
    ServerResult,
};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::outside::mcp::process::on_one_line;

/// Bytes of something unexpected that are shown.
const SHOWN: usize = 200;

/// Reads what a server sends. The result of anything but the handshake becomes a string that holds it as JSON text: so the library passes it on as it is,
/// and does not take it for something that it knows.
pub(super) fn message(text: &str, handshake: bool) -> Result<ServerJsonRpcMessage, String> {
    #[derive(Deserialize)]
    struct Outline<'a> {
        jsonrpc: JsonRpcVersion2_0,
        id: Option<RequestId>,
        #[serde(borrow)]
        result: Option<&'a RawValue>,
    }
    if text.trim_start().starts_with('[') {
        return Err("it is a list".to_owned());
    }
    let Outline { jsonrpc, id, result } = serde_json::from_str(text).map_err(|cause| cause.to_string())?;
    match (id, result) {
        (None, Some(_)) => Err("it has a result, and no id".to_owned()),
        (Some(_), Some(result)) if !result.get().starts_with('{') => {
            Err("its result is not an object".to_owned())
        }
        (Some(id), Some(result)) if !handshake => {
            let result = ServerResult::CustomResult(CustomResult(Value::String(result.get().to_owned())));
            Ok(JsonRpcMessage::Response(JsonRpcResponse { jsonrpc, id, result }))
        }
        _ => serde_json::from_str(text).map_err(|cause| cause.to_string()),
    }
}

/// The id of a reply, if it is one. The inner option is for an error of which the server cannot tell what it belongs to.
pub(super) fn replied(message: &ServerJsonRpcMessage) -> Option<Option<&RequestId>> {
    match message {
        JsonRpcMessage::Response(response) => Some(Some(&response.id)),
        JsonRpcMessage::Error(error) => Some(error.id.as_ref()),
        _ => None,
    }
}

/// Some servers give a number back as a string.
pub(super) fn number_of(id: &RequestId) -> Option<i64> {
    match id {
        RequestId::Number(number) => Some(*number),
        RequestId::String(text) => text.parse().ok(),
    }
}

/// An error with its causes, none twice: some show theirs.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text += &format!(": {more}");
        }
        cause = error.source();
    }
    text
}

/// The beginning of something unexpected, on one line.
pub(super) fn shown(text: &str) -> String {
    let line = on_one_line(text.trim());
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_goes_through_as_it_is_written_but_that_of_the_handshake() {
        let text = r#"{"jsonrpc":"2.0","id":7,"result":{"z": 1.50,"tools":[],"a":{}}}"#;
        let JsonRpcMessage::Response(response) = message(text, false).unwrap() else { panic!("it is one") };
        let ServerResult::CustomResult(CustomResult(Value::String(result))) = response.result else {
            panic!("{:?}", response.result)
        };
        assert_eq!((response.id, &*result), (RequestId::Number(7), r#"{"z": 1.50,"tools":[],"a":{}}"#));
        // What the library makes of it again is the same, also on its way through an event.
        let written = serde_json::to_string(&message(text, false).unwrap()).unwrap();
        let JsonRpcMessage::Response(again) = serde_json::from_str::<ServerJsonRpcMessage>(&written).unwrap()
        else {
            panic!("{written}")
        };
        assert!(
            matches!(again.result, ServerResult::CustomResult(CustomResult(Value::String(it))) if it == result)
        );
        let hello = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"a","version":"1"}}}"#;
        let JsonRpcMessage::Response(response) = message(hello, true).unwrap() else { panic!("it is one") };
        assert!(matches!(response.result, ServerResult::InitializeResult(_)));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "",
            "null",
            "[]",
            r#"["2.0", 1, {}]"#,
            "hello",
            "{}",
            r#"{"jsonrpc":"1.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":{},"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":"no"}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":{}} {}"#,
        ] {
            assert!(message(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_of_something_is_one_short_line() {
        assert_eq!(shown(" a\tb\u{1b}[31m\n"), "a b [31m");
        assert_eq!(shown(&"é".repeat(1000)), format!("{}…", "é".repeat(SHOWN)));
    }
}
