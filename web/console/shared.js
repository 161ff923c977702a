// What the parts of the console share: where one is, what is loaded, when to look again, deeds that may be refused.
import { ask, exactly, html, useCallback, useEffect, useRef, useState, when, words } from "/web/common.js";

const t = words({
  ru: { "not-done": "Не вышло: {why}", any: "все", find: "Найти", clear: "Сбросить", filters: "Фильтры" },
  en: { "not-done": "That did not work: {why}", any: "all", find: "Find", clear: "Clear", filters: "Filters" },
});

// ---- Where one is: #journal/ROW?line=site, so that it can be shared and the browser's back works ----

/** The address of a view; empty values are left out. */
export function link(view, id = "", params = {}) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value)).toString();
  return `#${view}${id ? `/${encodeURIComponent(id)}` : ""}${query ? `?${query}` : ""}`;
}

function address() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [view, ...id] = path.split("/");
  return { view, id: decodeURIComponent(id.join("/")), params: Object.fromEntries(new URLSearchParams(query)) };
}

/** {view, id, params} of the address, as it changes. */
export function useAddress() {
  const [at, setAt] = useState(address);
  useEffect(() => {
    const moved = () => setAt(address());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return at;
}

// ---- What happens ----

const happenings = new EventTarget();
const NAMES = [
  "call.arrived", "call.served", "call.missed", "call.ended", "queue.entered", "queue.offered", "callback.opened",
  "callback.joined", "callback.closed", "attempt.ringing", "attempt.operator", "attempt.dialling", "attempt.talking",
  "attempt.ended", "operator.state", "operator.call", "alarm", "reset",
];

/** Listeners for `hear`: whatever happens is told on to `useFresh`. */
export const happens = Object.fromEntries(NAMES.map((name) => [name, ({ data }) => {
  happenings.dispatchEvent(new CustomEvent("happened", { detail: { name, data } }));
}]));

/** Calls `again` after something happened, at most once in `pause` ms; and every `most` ms, while somebody looks. */
export function useFresh(again, { pause = 500, most = 0, only = () => true } = {}) {
  const latest = useRef();
  latest.current = { again, only };
  useEffect(() => {
    let timer, last = 0;
    const look = () => { timer = undefined; last = Date.now(); latest.current.again(); };
    const happened = ({ detail }) => {
      if (!timer && latest.current.only(detail)) timer = setTimeout(look, Math.max(0, last + pause - Date.now()));
    };
    const beat = most && setInterval(() => document.visibilityState === "visible" && !timer && look(), most);
    happenings.addEventListener("happened", happened);
    return () => { happenings.removeEventListener("happened", happened); clearTimeout(timer); clearInterval(beat); };
  }, [pause, most]);
}

/** {data, fault, again}: what the API says at this path. What was loaded stays until the next answer is there. */
export function useLoaded(path) {
  const [state, setState] = useState({});
  const turn = useRef(0);
  const again = useCallback(async () => {
    const own = ++turn.current;
    const told = await ask(path).then((data) => ({ data }), (why) => ({ fault: why.message }));
    if (own === turn.current) setState((old) => ({ data: old.data, ...told }));
  }, [path]);
  useEffect(() => { again(); }, [again]);
  return { ...state, again };
}

/** The time, anew every second. */
export function useTick() {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

// ---- Deeds ----

/** {busy, fault, run}: run(async () => …) gives whether it was done. */
export function useDeed() {
  const [state, setState] = useState({ busy: false, fault: "" });
  const run = async (deed) => {
    setState({ busy: true, fault: "" });
    const fault = await deed().then(() => "", (why) => why.message);
    setState({ busy: false, fault });
    return !fault;
  };
  return { ...state, run };
}

/** Why a deed was not done, beside its button. */
export const Deed = ({ of }) => (of.fault ? html`<span class="bad" role="alert">${t("not-done", { why: of.fault })}</span>` : null);

/** Something did not load. */
export const Fault = ({ why }) => (why ? html`<div class="notice bad" role="alert">${t("not-done", { why })}</div>` : null);

/** A moment, with the whole of it in the title. */
export const Moment = ({ at }) => html`<time datetime=${at} title=${exactly(at)}>${when(at)}</time>`;

/** A moment as an input of type datetime-local has it, and back. */
export const local = (at) => new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
export const fromLocal = (text) => new Date(text).toISOString();

// ---- Filters: a form whose fields are parts of the address ----

/** fields: [{name, label, options?: [[value, text]], type?, list?: [text]}]. */
export function Filters({ view, params, fields, children }) {
  const go = (form) => { location.hash = link(view, "", { ...params, ...Object.fromEntries(new FormData(form)) }); };
  const field = ({ name, label, options, type = "text", list }) => html`<label key=${name}><span>${label}</span>
    ${options
      ? html`<select name=${name} value=${params[name] ?? ""} onChange=${(event) => go(event.target.form)}>
          <option value="">${t("any")}</option>
          ${options.map(([value, text]) => html`<option key=${value} value=${value} selected=${params[name] === value}>${text}</option>`)}
        </select>`
      : html`<input name=${name} type=${type} value=${params[name] ?? ""} list=${list && `${view}-${name}`} autocomplete="off"
          onChange=${(event) => go(event.target.form)} />
        ${list && html`<datalist id=${`${view}-${name}`}>${list.map((text) => html`<option key=${text} value=${text} />`)}</datalist>`}`}
  </label>`;
  const used = fields.some(({ name }) => params[name]);
  const [open, setOpen] = useState(false);
  return html`<form class=${`filters ${open ? "" : "shut"}`} onSubmit=${(event) => { event.preventDefault(); go(event.target); }}>
    <button type="button" class="narrow" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>${t("filters")}</button>
    ${fields.map(field)}
    <span class="row"><button class="finds">${t("find")}</button>${used && html`<a class="button" href=${link(view)}>${t("clear")}</a>`}${children}</span>
  </form>`;
}
