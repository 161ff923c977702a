// A list of ten thousand rows: only those near the window are in the page. Rows have one height, so nothing jumps; pages are
// fetched as the end comes near; what changes is fetched for the rows that are seen, and new ones wait until one is at the top.
import { ask, html, useEffect, useRef, useState, words } from "/web/common.js";
import { Fault, useFresh } from "/web/console/shared.js";

const t = words({
  ru: { loading: "Загружаем…", fresh: "Есть новые — показать", rows: "Показано: {n}", "rows-more": "Загружено: {n}, прокрутите дальше" },
  en: { loading: "Loading…", fresh: "There are new ones: show", rows: "Shown: {n}", "rows-more": "Loaded: {n}, scroll on for more" },
});

/** Rows of one answer. */
const PAGE = 500;
/** How many are fetched again when something happened. */
const AGAIN = 100;
/** Rows beyond the window on either side. */
const BEYOND = 12;

const rowHeight = () => (matchMedia("(max-width: 44rem)").matches ? 60 : 38);

/** `path(before, limit)`: what to ask; `of`: the name of the rows in the answer; `head`: [[class, text]]; `cells(row)`: its tds. */
export function List({ path, of, head, cells, chosen, onChoose, empty, only, label }) {
  const [state, setState] = useState({ rows: [], next: null });
  const [view, setView] = useState({ top: 0, height: 600 });
  const [fresh, setFresh] = useState(false);
  const pane = useRef();
  const height = rowHeight();
  const held = useRef({});
  Object.assign(held.current, { state, path });

  // ---- What is loaded ----
  const load = async (before, limit) => {
    const asked = path(before, limit);
    const told = await ask(asked).then((data) => ({ rows: data[of], next: data.next }), (why) => ({ fault: why.message }));
    return held.current.path(before, limit) === asked ? told : undefined;
  };
  const more = async () => {
    const { next } = held.current.state;
    if (next == null || held.current.loading) return;
    held.current.loading = true;
    const told = await load(next, PAGE);
    held.current.loading = false;
    if (told) setState((old) => (old.next !== next ? old : told.fault ? { ...old, fault: told.fault } : { rows: old.rows.concat(told.rows), next: told.next }));
  };
  const first = async () => {
    held.current.came = false;
    setFresh(false);
    const told = await load(null, held.current.state.rows.length ? AGAIN : PAGE);
    if (!told) return;
    setState((old) => (told.fault ? { ...old, fault: told.fault, known: true } : { ...joined(told, old), known: true }));
  };
  const seen = async () => {
    const top = pane.current?.scrollTop ?? 0;
    if (top < height) return first();
    if (held.current.came) setFresh(true);
    const from = Math.max(1, Math.floor(top / height) - BEYOND);
    const told = await load(held.current.state.rows[from - 1]?.id, AGAIN);
    if (!told?.rows) return undefined;
    const anew = new Map(told.rows.map((row) => [row.id, row]));
    setState((old) => ({ ...old, rows: old.rows.map((row) => anew.get(row.id) ?? row) }));
  };
  useEffect(() => {
    held.current.loading = false;
    setState({ rows: [], next: null });
    pane.current?.scrollTo(0, 0);
    first();
  }, [path(null, PAGE)]);
  useFresh(seen, {
    pause: 700,
    only: (what) => {
      held.current.came ||= /arrived|opened|reset/.test(what.name);
      return !only || only(what);
    },
  });

  // ---- What is seen of it ----
  useEffect(() => {
    const look = () => pane.current && setView({ top: pane.current.scrollTop, height: pane.current.clientHeight });
    const watch = new ResizeObserver(look);
    watch.observe(pane.current);
    look();
    return () => watch.disconnect();
  }, []);
  const { rows, next } = state;
  const from = Math.max(0, Math.floor(view.top / height) - BEYOND);
  const to = Math.min(rows.length, Math.ceil((view.top + view.height) / height) + BEYOND);
  useEffect(() => { if (next != null && to > rows.length - 2 * BEYOND) more(); }, [to, rows.length, next]);

  const gap = (n) => n > 0 && html`<tr key=${`gap-${n}`} class="gap" aria-hidden="true" style=${{ height: `${n * height}px` }}><td></td></tr>`;
  const row = (one, at) => html`<tr key=${one.id} class=${String(one.id) === chosen ? "chosen" : ""} aria-rowindex=${at + 2} onClick=${() => onChoose(one)}
    style=${{ height: `${height}px` }}>${cells(one)}</tr>`;
  return html`<div class="listed">
    <${Fault} why=${state.fault} />
    ${fresh && html`<button class="fresh" onClick=${() => { pane.current.scrollTo(0, 0); first(); }}>↑ ${t("fresh")}</button>`}
    <div class="window" ref=${pane} tabindex="0" role="region" aria-label=${label}
      onScroll=${(event) => setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}>
      <table aria-rowcount=${next == null ? rows.length + 1 : -1}>
        <thead><tr>${head.map(([kind, text]) => html`<th key=${text} class=${kind}>${text}</th>`)}</tr></thead>
        <tbody>${gap(from)}${rows.slice(from, to).map((one, at) => row(one, from + at))}${gap(rows.length - to)}</tbody>
      </table>
      ${state.known && rows.length === 0 && !state.fault && html`<p class="empty">${empty}</p>`}
      ${!state.known && html`<p class="empty">${t("loading")}</p>`}
    </div>
    <p class="quiet count" role="status">${rows.length > 0 && t(next == null ? "rows" : "rows-more", { n: rows.length.toLocaleString() })}</p>
  </div>`;
}

/** The newest page, and what was loaded below it, if the two still meet. */
function joined(newest, old) {
  const last = newest.rows.at(-1)?.id;
  const at = old.rows.findIndex((row) => row.id === last);
  return at < 0 || newest.next == null ? newest : { rows: newest.rows.concat(old.rows.slice(at + 1)), next: old.next };
}
