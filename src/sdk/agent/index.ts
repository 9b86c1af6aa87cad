// `mayfly/agent`: credentials for the tools of a task, kept fresh and given back. docs/agent.md tells how to use it.
export { Agent } from './agent.js';
export type { AgentOptions } from './agent.js';
export type { AgentTool, Waiting } from './tool.js';
export type { ToolTerms } from './tool-terms.js';
export { DpopKey, MayflyError } from '../client/index.js';
export type { DpopProver, MayflyErrorCode, TokenResponse, TokenSource } from '../client/index.js';
