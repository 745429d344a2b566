/* Objects for the tests in the page's tab, made and called by number. */

import { Agent } from "./agent.js";
import { Party } from "./party.js";

const kinds = { Agent, Party };
const made = [];

globalThis.make = (kind, options) => made.push(new kinds[kind](options)) - 1;
globalThis.call = (number, method, options) => made[number][method](...options);
