// `mayfly/mcp`: an MCP server that takes only live credentials of one task. docs/mcp.md tells how to use it.
export { ProtectedMcp, protectMcp } from './protect.js';
export { credentialOf } from './caller.js';
export type { CallContext } from './caller.js';
export type { AuthInfo, McpFetch, McpGiven } from './exchange.js';
export type { McpProtection } from './options.js';
export type { Rule, Rules } from './rules.js';
