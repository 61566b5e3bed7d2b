//! Servers of the Model Context Protocol.

use pie_engine::ids::QuestionId;
use pie_engine::outside::outbox::Reply;
use pie_engine::outside::{Answer, Asked, Question};

/// Answers what is asked of MCP servers.
#[derive(Default)]
pub struct Mcp {}

impl Mcp {
    /// Begins to answer.
    pub fn ask(&self, asked: Asked, reply: Reply) {
        reply.answer(match asked.question {
            Question::McpServers => Answer::McpServers { names: Vec::new() },
            _ => Answer::Failed { message: "there are no MCP servers".to_owned() },
        });
    }

    /// Ends a session.
    pub fn hang_up(&self, _session: QuestionId) {}
}
