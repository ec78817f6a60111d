/** What this session may do. The server decides; the page only leaves out what it would refuse. */

const SCOPES = ["read", "write", "admin"];
let scope = SCOPES[0];

export function setScope(given) {
  scope = given;
}

export function can(needed) {
  return SCOPES.indexOf(scope) >= SCOPES.indexOf(needed);
}
