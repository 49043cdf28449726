// Api: what the page asks of the proxy, and with which token. Nothing is sent anywhere else; the
// token goes in a header, never in a URL, and stays in the storage of this tab.

const PLACE = "sidecache-token";

export const token = {
  get: () => sessionStorage.getItem(PLACE),
  keep: (text) => sessionStorage.setItem(PLACE, text),
  forget: () => sessionStorage.removeItem(PLACE),
};

/** What the API refused, in its own words; status 0 where it did not answer. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Return the answer to a GET. */
export const get = (path, query = {}) => ask(`v1/${path}?${new URLSearchParams(query)}`);

/** Return the answer to a POST of a JSON document. */
export const post = (path, document) => ask(`v1/${path}`, {
  method: "POST",
  body: JSON.stringify(document),
  headers: {"Content-Type": "application/json"},
});

/** Have what is at a path ended. */
export const end = (path) => ask(`v1/${path}`, {method: "DELETE"});

/** Return the paths that this proxy has. */
export const offered = async () => Object.keys((await ask("openapi.json")).paths);

async function ask(path, options = {}) {
  const answer = await sent(path, options);
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, told.detail ?? answer.statusText);
  return told;
}

async function sent(path, options) {
  const headers = new Headers(options.headers);
  if (token.get()) headers.set("Authorization", `Bearer ${token.get()}`);
  try {
    return await fetch(path, {...options, headers, cache: "no-store", credentials: "omit"});
  } catch {
    throw new Problem(0, "The proxy does not answer.");
  }
}
