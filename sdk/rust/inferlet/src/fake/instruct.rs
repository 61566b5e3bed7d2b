//! Chat turns over the fake vocabulary. Reasoning, tools, MCP and training are there to be compiled against.

use super::engine::{CUE, END, FakeAdapter, FakeModel, USER, letter_of, token_of};
use super::inference::ForwardPass;

pub mod chat {
    use super::*;
    use std::cell::RefCell;

    pub enum Event {
        Delta(String),
        Interrupt(u32),
        Done(String),
    }

    pub fn system(_model: &FakeModel, text: &str) -> Vec<u32> {
        text.chars().map(token_of).collect()
    }

    pub fn user(_model: &FakeModel, text: &str) -> Vec<u32> {
        [USER].into_iter().chain(text.chars().map(token_of)).chain([END]).collect()
    }

    pub fn assistant(_model: &FakeModel, text: &str) -> Vec<u32> {
        [CUE].into_iter().chain(text.chars().map(token_of)).chain([END]).collect()
    }

    pub fn cue(_model: &FakeModel) -> Vec<u32> {
        vec![CUE]
    }

    pub fn seal(_model: &FakeModel) -> Vec<u32> {
        vec![END]
    }

    pub fn stop_tokens(_model: &FakeModel) -> Vec<u32> {
        vec![END]
    }

    pub fn create_decoder(_model: &FakeModel) -> Decoder {
        Decoder::default()
    }

    #[derive(Debug, Default)]
    pub struct Decoder(RefCell<String>);

    impl Decoder {
        pub fn feed(&self, tokens: &[u32]) -> Result<Event, String> {
            let mut delta = String::new();
            for &token in tokens {
                match token {
                    END => return Ok(Event::Done(self.0.borrow().clone())),
                    60.. => return Ok(Event::Interrupt(token)),
                    token => delta.push(letter_of(token)),
                }
            }
            self.0.borrow_mut().push_str(&delta);
            Ok(Event::Delta(delta))
        }

        pub fn reset(&self) {
            self.0.borrow_mut().clear();
        }
    }
}

pub mod reasoning {
    use super::FakeModel;

    #[allow(dead_code)]
    pub enum Event {
        Start,
        Delta(String),
        Complete(String),
    }

    pub fn create_decoder(_model: &FakeModel) -> Decoder {
        Decoder
    }

    #[derive(Debug)]
    pub struct Decoder;

    impl Decoder {
        pub fn feed(&self, _tokens: &[u32]) -> Result<Event, String> {
            Ok(Event::Delta(String::new()))
        }

        pub fn reset(&self) {}
    }
}

pub mod tool_use {
    use super::FakeModel;
    use crate::bindings::inference::Grammar;

    #[allow(dead_code)]
    pub enum Event {
        Start,
        Call((String, String)),
    }

    pub fn equip(_model: &FakeModel, _tools: &[String]) -> Result<Vec<u32>, String> {
        Err("this model has no tool format".into())
    }

    pub fn answer(_model: &FakeModel, _name: &str, _value: &str) -> Vec<u32> {
        Vec::new()
    }

    pub fn create_decoder(_model: &FakeModel) -> Decoder {
        Decoder
    }

    pub fn format(_model: &FakeModel, _tools: &[String]) -> Option<Grammar> {
        None
    }

    #[derive(Debug)]
    pub struct Decoder;

    impl Decoder {
        pub fn feed(&self, _tokens: &[u32]) -> Result<Event, String> {
            Ok(Event::Start)
        }

        pub fn reset(&self) {}
    }
}

pub mod mcp_types {
    pub struct Error {
        pub code: i32,
        pub message: String,
        pub data: Option<String>,
    }
}

pub mod mcp_client {
    use super::mcp_types::Error;

    fn unavailable<T>() -> Result<T, Error> {
        Err(Error { code: -1, message: "there are no servers".into(), data: None })
    }

    pub fn available_servers() -> Vec<String> {
        Vec::new()
    }

    pub fn connect(_name: &str) -> Result<Session, Error> {
        unavailable()
    }

    #[derive(Debug)]
    pub struct Session;

    impl Session {
        pub fn list_tools(&self) -> Result<String, Error> {
            unavailable()
        }
        pub fn call_tool(&self, _name: &str, _args: &str) -> Result<String, Error> {
            unavailable()
        }
        pub fn list_resources(&self) -> Result<String, Error> {
            unavailable()
        }
        pub fn read_resource(&self, _uri: &str) -> Result<String, Error> {
            unavailable()
        }
        pub fn list_prompts(&self) -> Result<String, Error> {
            unavailable()
        }
        pub fn get_prompt(&self, _name: &str, _args: &str) -> Result<String, Error> {
            unavailable()
        }
    }
}

pub mod zo {
    use super::{FakeAdapter, ForwardPass};

    pub fn adapter_seed(_pass: &ForwardPass, _seed: i64) {}

    pub fn initialize(_: &FakeAdapter, _: u32, _: f32, _: u32, _: f32, _: f32) -> Result<(), String> {
        Ok(())
    }

    pub fn update(_: &FakeAdapter, _: &[f32], _: &[i64], _: f32) -> Result<(), String> {
        Ok(())
    }
}
