//! Model Context Protocol: tools, resources and prompts of servers that whoever launched the inferlet has made available.

/// Calling those servers. What a session returns is the `result` of the reply, as JSON text.
///
/// Errors are texts here, with the code and the data in them. [`client::Session::raw`] has the same calls with code, message and data apart:
///
/// ```no_run
/// # fn main() -> inferlet::Result<()> {
/// let session = inferlet::mcp::client::connect("notes")?;
/// match session.raw().read_resource("notes://today") {
///     Ok(json) => println!("{json}"),
///     Err(error) if error.code == -32002 => println!("there is none today"),
///     Err(error) => return Err(error.message),
/// }
/// # Ok(())
/// # }
/// ```
pub mod client {
    use crate::Result;
    use crate::pie::mcp::client as raw;
    use crate::pie::mcp::types::Error;

    /// Names that [`connect`] takes.
    pub fn available_servers() -> Vec<String> {
        raw::available_servers()
    }

    /// Opens a session. The program waits for the server's handshake.
    ///
    /// # Errors
    ///
    /// If there is no such server, or it does not answer in time.
    pub fn connect(name: &str) -> Result<Session> {
        raw::connect(name).map(Session).map_err(text)
    }

    /// An open session. Dropping it closes the connection. The program waits for each call.
    #[derive(Debug)]
    pub struct Session(raw::Session);

    impl Session {
        /// The session in the interface itself: its errors have code, message and data apart.
        pub fn raw(&self) -> &raw::Session {
            &self.0
        }

        /// The tools of the server: the reply to `tools/list`.
        pub fn list_tools(&self) -> Result<String> {
            self.0.list_tools().map_err(text)
        }

        /// Calls a tool with a JSON object of arguments: the reply to `tools/call`.
        pub fn call_tool(&self, name: &str, args_json: &str) -> Result<String> {
            self.0.call_tool(name, args_json).map_err(text)
        }

        /// The resources of the server: the reply to `resources/list`.
        pub fn list_resources(&self) -> Result<String> {
            self.0.list_resources().map_err(text)
        }

        /// One resource: the reply to `resources/read`.
        pub fn read_resource(&self, uri: &str) -> Result<String> {
            self.0.read_resource(uri).map_err(text)
        }

        /// The prompts of the server: the reply to `prompts/list`.
        pub fn list_prompts(&self) -> Result<String> {
            self.0.list_prompts().map_err(text)
        }

        /// A prompt, filled in with a JSON object of arguments: the reply to `prompts/get`.
        pub fn get_prompt(&self, name: &str, args_json: &str) -> Result<String> {
            self.0.get_prompt(name, args_json).map_err(text)
        }
    }

    fn text(error: Error) -> String {
        let Error { code, message, data } = error;
        match data {
            Some(data) => format!("{message} (code {code}): {data}"),
            None => format!("{message} (code {code})"),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn an_error_keeps_code_message_and_data() {
            let error =
                Error { code: -32602, message: "unknown tool".into(), data: Some("{\"name\":\"x\"}".into()) };
            assert_eq!(text(error), "unknown tool (code -32602): {\"name\":\"x\"}");
        }
    }
}
