// Answers of the server. A range that was asked for last wins: an earlier answer that comes late is dropped by the page.

export class Refused extends Error {
  constructor(message, body) {
    super(message);
    this.body = body;
  }
}

export async function ask(path, options = {}) {
  const response = await fetch(path, { headers: { Accept: "application/json" }, ...options });
  let body = null;
  try {
    body = await response.json();
  } catch {
    throw new Refused(`HTTP ${response.status}`, null);
  }
  if (!response.ok) throw new Refused(body.error || `HTTP ${response.status}`, body);
  return body;
}

export function askCamera(name, state) {
  return ask(`/api/${name}/${encodeURIComponent(state.camera)}?range=${encodeURIComponent(state.range)}`);
}

// Calls `changed(cameras)` when counts have changed, `status(connected)` when the connection comes and goes.
export function watch(changed, status) {
  const source = new EventSource("/api/live");
  source.addEventListener("counts", (event) => changed(JSON.parse(event.data).cameras));
  source.onopen = () => status(true);
  source.onerror = () => status(false);
  window.addEventListener("pagehide", () => source.close());
}
