// Asks the server, always by relative addresses, so that the page works behind any path.

export class Problem extends Error {}

export async function ask(path, parameters = {}, headers = {}) {
  const kept = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(kept).toString();
  let answer;
  try {
    answer = await fetch(`api/${path}${query ? `?${query}` : ""}`, { headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Problem("the console does not answer; it is asked again");
  }
  let told;
  try {
    told = await answer.json();
  } catch {
    throw new Problem(`the console answers ${answer.status}`);
  }
  if (!answer.ok) throw new Problem(told.problem || `the console answers ${answer.status}`);
  return told;
}

/** Follows events until it is closed. A lost connection is taken up again, with the id of the last event. */
export function follow(parameters, listeners, connected) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)).toString();
  let source;
  let again = 0;
  let closed = false;
  function open() {
    source = new EventSource(`api/events${query ? `?${query}` : ""}`);
    source.addEventListener("open", () => connected(true));
    source.addEventListener("error", () => {
      connected(false);
      // A browser gives up by itself where the answer was no stream, as of a proxy whose server is away.
      if (source.readyState === EventSource.CLOSED && !closed) again = setTimeout(open, 1000);
    });
    for (const [name, call] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => call(JSON.parse(event.data)));
    }
  }
  open();
  return () => {
    closed = true;
    clearTimeout(again);
    source.close();
  };
}
