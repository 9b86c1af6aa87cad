// Before handlers of node:http and Express, and of fetch's Request and Response.
export { credentialOf, guard, protect } from './node.js';
export type { NodeHandler, NodeMiddleware } from './node.js';
export { refusalResponse, withCredential } from './fetch.js';
export type { FetchHandler } from './fetch.js';
export type { WantOf } from './want.js';
