// A server of the Model Context Protocol with one tool: a very small library.
import { serve, text, tool } from "../mcp.mjs";

const ARTICLES = { "Ada Lovelace": "Ada Lovelace (10 December 1815 - 27 November 1852) wrote the first program." };
const TOOLS = [tool("look_up", "The beginning of an article", "input", "Its title")];

serve("library", TOOLS, (_, { input }) => text(ARTICLES[input] ?? `There is nothing about ${input}.`));
