import { read } from "./state.js";
import en from "./lang/en.js";
import id from "./lang/id.js";

const LANGUAGES = { id, en };

// The text of `key` in the chosen language, with {name} filled from `values`.
export function t(key, values = {}) {
  const text = LANGUAGES[read().lang][key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
