// From the page.
import { mcp, McpSession } from 'inferlet';
// To here.

const s: McpSession = mcp.connect('files');
s.listTools();
