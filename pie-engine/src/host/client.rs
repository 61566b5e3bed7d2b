//! `pie:mcp/client`: servers of the Model Context Protocol.

use super::bindings::pie::mcp::client::{Error, Host, HostSession};
use super::not_available;
use super::state::State;
use wasmtime::Result;
use wasmtime::component::Resource;

/// A session with a server.
pub struct SessionHandle;

/// The code of JSON-RPC for a method that does not exist.
const METHOD_NOT_FOUND: i32 = -32601;

fn unavailable<T>() -> Result<Result<T, Error>> {
    Ok(Err(Error { code: METHOD_NOT_FOUND, message: not_available("pie:mcp/client"), data: None }))
}

impl super::bindings::pie::mcp::types::Host for State {}

impl Host for State {
    fn available_servers(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn connect(&mut self, _server: String) -> Result<Result<Resource<SessionHandle>, Error>> {
        unavailable()
    }
}

impl HostSession for State {
    fn list_tools(&mut self, _session: Resource<SessionHandle>) -> Result<Result<String, Error>> {
        unavailable()
    }

    fn call_tool(
        &mut self,
        _session: Resource<SessionHandle>,
        _name: String,
        _args: String,
    ) -> Result<Result<String, Error>> {
        unavailable()
    }

    fn list_resources(&mut self, _session: Resource<SessionHandle>) -> Result<Result<String, Error>> {
        unavailable()
    }

    fn read_resource(
        &mut self,
        _session: Resource<SessionHandle>,
        _uri: String,
    ) -> Result<Result<String, Error>> {
        unavailable()
    }

    fn list_prompts(&mut self, _session: Resource<SessionHandle>) -> Result<Result<String, Error>> {
        unavailable()
    }

    fn get_prompt(
        &mut self,
        _session: Resource<SessionHandle>,
        _name: String,
        _args: String,
    ) -> Result<Result<String, Error>> {
        unavailable()
    }

    fn drop(&mut self, session: Resource<SessionHandle>) -> Result<()> {
        self.table.delete(session)?;
        Ok(())
    }
}
