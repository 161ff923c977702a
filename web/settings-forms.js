// The editors of the settings' fields: each shows what holds, where that comes from, and the way back.
import { ask, html, language, useRef, useState } from "/web/common.js";
import { DAYS, hours, key, minutes, startsWith, week } from "/web/settings-draft.js";
import { shown, t } from "/web/settings-words.js";

const dayName = new Intl.DateTimeFormat(language, { weekday: "short", timeZone: "UTC" });
const NAMES = DAYS.map((_, n) => dayName.format(new Date(Date.UTC(2024, 0, 1 + n))));
const PARTED = /\s*,\s*/;
const parted = (text) => text.split(PARTED).map((part) => part.trim()).filter(Boolean);
const whole = (text) => (/^\d+$/.test(text.trim()) ? Number(text) : text.trim());

/** A field of a form: its label, its editor, what is wrong with it, where its value comes from. */
export function Field({ field, path, draft, change, faults, may }) {
  const own = draft.own(path);
  const inherited = draft.inherited(path);
  const locked = !may || own?.from === "environment";
  const wrong = faults.filter((fault) => startsWith(fault.path, path));
  const put = (value) => change((next) => (value === undefined ? next.inherit(path) : next.put(path, value)));
  const Editor = EDITORS[field.kind];
  const id = path.join("/");
  return html`<div class=${`field${own?.from === "settings" ? " changed" : ""}${wrong.length ? " wrong" : ""}`} data-path=${path.join(".")}>
    <label for=${id}><span>${field.label}</span></label>
    <${Editor} id=${id} field=${field} value=${own?.value} inherited=${inherited?.value} put=${put} locked=${locked} draft=${draft} path=${path} />
    ${wrong.map((fault) => html`<p class="bad" role="alert">${fault.what}${fault.cure && `; ${fault.cure}`}</p>`)}
    <small class="whence">${field.hint && html`<span>${field.hint}</span>`}
      <${Whence} own=${own} inherited=${inherited} field=${field} path=${path} draft=${draft} change=${change} may=${may} /></small>
  </div>`;
}

function Whence({ own, inherited, field, path, draft, change, may }) {
  const held = inherited ? t(`of-${inherited.of}`, { value: shown(inherited.value, field) }) : t("of-nothing");
  const inFile = draft.file.has(key(path));
  const button = (word, deed) => may && html`<button type="button" class="quiet" onClick=${() => change(deed)}>${t(word)}</button>`;
  if (own?.from === "environment") return html`<span>${t("from-environment", { place: own.place })}</span>`;
  if (own?.from === "settings") {
    return html`<span class="badge">${t("from-settings")}</span>
      ${button(inFile ? "back" : "reset", (next) => next.back(path))}${!inFile && html`<span>${held}</span>`}`;
  }
  if (own) return html`<span title=${own.place}>${t("from-file")}</span>${inherited && button("inherit", (next) => next.inherit(path))}`;
  if (draft.removed.has(key(path))) {
    return html`<span class="badge">${t("taken-off")}</span>${button("back", (next) => next.back(path))}<span>${held}</span>`;
  }
  return html`<span>${held}</span>`;
}

const hold = (inherited, field) => (inherited === undefined ? "" : shown(inherited, field));

function Text({ id, field, value, inherited, put, locked }) {
  const typed = (event) => put(event.target.value === "" ? undefined : event.target.value);
  return html`<input id=${id} value=${value ?? ""} placeholder=${hold(inherited, field)} disabled=${locked} onInput=${typed} />`;
}

/** A time; `false` is written by who knows that it may be. */
function Span({ id, field, value, inherited, put, locked }) {
  const typed = (event) => put(event.target.value === "" ? undefined : event.target.value.trim());
  return html`<input id=${id} class="short" value=${value === false ? t("no") : value ?? ""} placeholder=${hold(inherited, field)}
    disabled=${locked || value === false} onInput=${typed} />`;
}

function Count({ id, field, value, inherited, put, locked }) {
  const typed = (event) => put(event.target.value === "" ? undefined : whole(event.target.value));
  return html`<input id=${id} class="short" inputmode="numeric" value=${value ?? ""} placeholder=${hold(inherited, field)} disabled=${locked} onInput=${typed} />`;
}

function Choice({ id, field, value, inherited, put, locked }) {
  const other = value !== undefined && !field.options.some(([word]) => word === value);
  return html`<select id=${id} disabled=${locked || other} onChange=${(event) => put(event.target.value || undefined)}>
    <option value="" selected=${value === undefined}>${hold(inherited, field) || "—"}</option>
    ${other && html`<option selected>${shown(value)}</option>`}
    ${field.options.map(([word, name]) => html`<option value=${word} selected=${word === value}>${name}</option>`)}
  </select>${other && html`<small>${t("by-hand-toml")}</small>`}`;
}

function Ref({ id, field, value, inherited, put, locked, draft }) {
  const options = draft.names(field.of).map((name) => [name, name]);
  return html`<${Choice} id=${id} field=${{ ...field, options }} value=${value} inherited=${inherited} put=${put} locked=${locked} />`;
}

/** A list of texts, written in one line; kept as it is typed until it says another list. */
function List({ id, field, value, inherited, put, locked }) {
  const [typed, setTyped] = useState();
  const items = value === undefined ? [] : [value].flat();
  const known = typed !== undefined && JSON.stringify(parted(typed)) === JSON.stringify(items) ? typed : items.join(", ");
  const type = (event) => {
    const next = parted(event.target.value);
    setTyped(event.target.value);
    if (!next.length) put(undefined);
    else put(field.single && next.length === 1 ? next[0] : next);
  };
  return html`<input id=${id} value=${known} placeholder=${hold(inherited, field)} disabled=${locked} onInput=${type} />`;
}

function Refs({ id, field, value, inherited, put, locked, draft }) {
  const items = value === undefined ? [] : [value].flat();
  const left = draft.names(field.of).filter((name) => !items.includes(name));
  const give = (next) => put(next.length ? next : undefined);
  return html`<div class="rows">${items.map((name, n) => html`<div class="row"><span class="grow">${n + 1}. ${name}</span>
      <${Moves} n=${n} list=${items} give=${give} locked=${locked} /></div>`)}
    ${left.length > 0 && html`<select id=${id} disabled=${locked} onChange=${(event) => { give([...items, event.target.value]); event.target.value = ""; }}>
      <option value="">${items.length ? "+" : hold(inherited, field) || "+"}</option>${left.map((name) => html`<option>${name}</option>`)}</select>`}
  </div>`;
}

/** Up, down, away. */
function Moves({ n, list, give, locked }) {
  const swap = (to) => give(list.map((item, at) => (at === n ? list[to] : at === to ? list[n] : item)));
  return html`<button type="button" title=${t("up")} aria-label=${t("up")} disabled=${locked || n === 0} onClick=${() => swap(n - 1)}>↑</button>
    <button type="button" title=${t("down")} aria-label=${t("down")} disabled=${locked || n === list.length - 1} onClick=${() => swap(n + 1)}>↓</button>
    <button type="button" title=${t("remove")} aria-label=${t("remove")} disabled=${locked} onClick=${() => give(list.filter((_, at) => at !== n))}>×</button>`;
}

/** The operators of a group in their order, with level and share; moved by buttons or dragged. */
function Members({ id, value, put, locked, draft }) {
  const dragged = useRef();
  const members = (value ?? []).map((one) => (typeof one === "string" ? { name: one } : one));
  const brief = ({ name, ...rest }) => {
    const said = Object.entries(rest).filter(([, count]) => count !== undefined && count !== 1);
    return said.length ? { name, ...Object.fromEntries(said) } : name;
  };
  const give = (next) => put(next.map(brief));
  const edit = (n, name, text) => give(members.map((one, at) => (at === n ? { ...one, [name]: text === "" ? undefined : whole(text) } : one)));
  const drop = (to) => {
    const next = members.slice();
    next.splice(to, 0, ...next.splice(dragged.current, 1));
    give(next);
  };
  const left = draft.names("operator").filter((name) => !members.some((one) => one.name === name));
  const number = (n, name) => html`<label class="row">${t(name)}<input class="tiny" inputmode="numeric" value=${members[n][name] ?? 1} disabled=${locked}
    onInput=${(event) => edit(n, name, event.target.value)} /></label>`;
  return html`<div class="rows" id=${id}>${members.map((one, n) => html`<div class="row member" key=${one.name} draggable=${!locked}
        onDragStart=${() => { dragged.current = n; }} onDragOver=${(event) => event.preventDefault()} onDrop=${() => drop(n)}>
      <span class="grow">⠿ ${one.name}</span>${number(n, "level")}${number(n, "weight")}<${Moves} n=${n} list=${members} give=${give} locked=${locked} /></div>`)}
    ${left.length > 0 && html`<select disabled=${locked} aria-label=${t("add-member")} onChange=${(event) => { give([...members, { name: event.target.value }]); event.target.value = ""; }}>
      <option value="">${t("add-member")}</option>${left.map((name) => html`<option>${name}</option>`)}</select>`}
  </div>`;
}

/** A week: a bar a day, its hours as text. */
function Week({ id, value, put, locked }) {
  const [typed, setTyped] = useState({});
  const days = week(value);
  if (!days) return html`<${Text} id=${id} field=${{}} value=${value} put=${put} locked=${locked} />`;
  const give = (n, spans) => put(hours(days.map((day, at) => (at === n ? spans : day))));
  const type = (n) => (event) => {
    setTyped({ ...typed, [n]: event.target.value });
    const spans = parted(event.target.value);
    if (spans.every((span) => minutes(span))) give(n, spans);
  };
  return html`<div class="week" id=${id}>${days.map((spans, n) => {
    const text = typed[n] !== undefined && parted(typed[n]).join() !== spans.join() ? typed[n] : typed[n] ?? spans.join(", ");
    return html`<span class="day">${NAMES[n]}</span>
      <svg viewBox="0 0 1440 24" preserveAspectRatio="none" role="img" aria-label=${spans.join(", ") || t("closed")}>
        <rect class="ground" width="1440" height="24" />
        ${spans.map(minutes).filter(Boolean).map(([from, to]) => html`<rect class="open" x=${from} width=${Math.max(0, to - from)} height="24" />`)}
        ${[360, 720, 1080].map((x) => html`<rect class="tick" x=${x} width="3" height="24" />`)}
      </svg>
      <input aria-label=${NAMES[n]} value=${text} placeholder=${t("closed")} disabled=${locked} onInput=${type(n)} onBlur=${() => setTyped({ ...typed, [n]: undefined })} />
      <button type="button" title=${t("copy")} aria-label=${t("copy")} disabled=${locked || n === 0} onClick=${() => give(n, days[n - 1])}>⇣</button>`;
  })}</div>`;
}

/** When a client is tried again: after a pause, at hours of the day, at hours not yet tried. */
function Again({ id, field, value, inherited, put, locked }) {
  const kind = value === undefined ? "" : value === "spread" ? "spread" : value.at !== undefined ? "at" : "after";
  const begin = { "": undefined, after: { after: inherited?.after ?? "30m" }, at: { at: ["10:00", "19:00"], from: "tomorrow" }, spread: "spread" };
  const kinds = field.plain ? ["after"] : ["after", "at", "spread"];
  return html`<div class="row">
    <select id=${id} disabled=${locked} onChange=${(event) => put(begin[event.target.value])}>
      <option value="" selected=${kind === ""}>${hold(inherited, field) || "—"}</option>
      ${kinds.map((word) => html`<option value=${word} selected=${kind === word}>${t(word)}</option>`)}</select>
    ${kind === "after" && html`<input class="short" aria-label=${t("after")} value=${value.after} disabled=${locked} onInput=${(event) => put({ after: event.target.value.trim() })} />`}
    ${kind === "at" && html`<input class="medium" aria-label=${t("at")} value=${[value.at].flat().join(", ")} disabled=${locked}
        onChange=${(event) => put({ ...value, at: parted(event.target.value) })} />
      <select aria-label=${t("from")} disabled=${locked} onChange=${(event) => put({ ...value, from: event.target.value })}>
        ${["today", "tomorrow"].map((word) => html`<option value=${word} selected=${(value.from ?? "today") === word}>${t("from")}: ${t(word)}</option>`)}</select>`}
  </div>`;
}

/** Rules, any of which makes a call a missed one. */
function Missed({ id, value, inherited, put, locked }) {
  const rules = value ?? inherited ?? [];
  const edit = (n, more) => put(rules.map((rule, at) => (at === n ? clean({ ...rule, ...more }) : rule)));
  const clean = (rule) => Object.fromEntries(Object.entries(rule).filter(([, said]) => said !== undefined && said !== "" && said !== false));
  const time = (n, rule, name, word) => html`<label class="row">${t(word)}<input class="tiny" value=${rule[name] ?? ""} disabled=${locked}
    onInput=${(event) => edit(n, { [name]: event.target.value.trim() })} /></label>`;
  return html`<div class="rows" id=${id}>${rules.map((rule, n) => html`<div class="row rule">${n > 0 && html`<small>${t("and-then")}</small>`}
      <select aria-label=${t("call-is")} disabled=${locked} onChange=${(event) => edit(n, event.target.value === "served" ? { call: "served", shorter_than: "60s" } : { call: "unserved", shorter_than: undefined })}>
        ${["unserved", "served"].map((word) => html`<option value=${word} selected=${rule.call === word}>${t("call-is")} ${t(word)}</option>`)}</select>
      ${rule.call === "served" && time(n, rule, "shorter_than", "shorter")}
      ${time(n, rule, "waited", "waited")}
      <label class="row"><input type="checkbox" checked=${rule.unique === true} disabled=${locked}
        onChange=${(event) => edit(n, { unique: event.target.checked, within: undefined })} />${t("unique")}</label>
      ${rule.unique === true && html`<input class="tiny" aria-label=${t("unique")} value=${rule.within ?? ""} placeholder="30d" disabled=${locked} onInput=${(event) => edit(n, { within: event.target.value.trim() })} />`}
      <button type="button" title=${t("remove")} aria-label=${t("remove")} disabled=${locked || rules.length < 2} onClick=${() => put(rules.filter((_, at) => at !== n))}>×</button></div>`)}
    <button type="button" disabled=${locked} onClick=${() => put([...rules, { call: "served", unique: true, shorter_than: "60s" }])}>${t("add-rule")}</button></div>`;
}

/** When an operator's answer is a person. */
function Answer({ id, field, value, inherited, put, locked }) {
  const kind = value === undefined ? "" : typeof value === "string" ? value : Object.keys(value)[0];
  const begin = { "": undefined, person: "person", delay: { delay: "20s" }, press: { press: "1" } };
  return html`<div class="row"><select id=${id} disabled=${locked} onChange=${(event) => put(begin[event.target.value])}>
      <option value="" selected=${kind === ""}>${hold(inherited, field)}</option>
      ${["person", "delay", "press"].map((word) => html`<option value=${word} selected=${kind === word}>${t(word)}</option>`)}</select>
    ${["delay", "press"].includes(kind) && html`<input class="tiny" aria-label=${t(kind)} value=${value[kind]} disabled=${locked} onInput=${(event) => put({ [kind]: event.target.value.trim() })} />`}</div>`;
}

/** Yes, no, or for how long the operator who talked with the client is waited for. */
function Remember({ id, value, inherited, put, locked }) {
  const kind = value === undefined ? "" : value === true ? "yes" : value === false ? "no" : "delay";
  const begin = { "": undefined, yes: true, no: false, delay: "20s" };
  return html`<div class="row"><select id=${id} disabled=${locked} onChange=${(event) => put(begin[event.target.value])}>
      <option value="" selected=${kind === ""}>${shown(inherited)}</option>
      ${["yes", "no", "delay"].map((word) => html`<option value=${word} selected=${kind === word}>${t(word === "delay" ? "waited" : word)}</option>`)}</select>
    ${kind === "delay" && html`<input class="tiny" aria-label=${t("waited")} value=${value} disabled=${locked} onInput=${(event) => put(event.target.value.trim())} />`}</div>`;
}

/** An announcement, shown as it would be spoken of an example of a call, and played where a command renders it. */
function Template({ id, field, value, inherited, put, locked, draft, path }) {
  const [said, setSaid] = useState();
  const silent = typeof (value ?? "") !== "string";
  const sample = () => {
    const line = path[0] === "line" && draft.now.values.some((valued) => startsWith(valued.path, ["line", path[1]])) ? path[1] : undefined;
    const tongue = draft.value([...path.slice(0, path[0] === "line" ? 2 : 1), "language"]) ?? draft.value(["defaults", "language"]) ?? draft.now.language;
    return { template: value ?? inherited ?? "", line, language: tongue, name: language === "ru" ? "Иван" : "Ivan", attempt: field.name === "announce_repeated" ? 2 : 1 };
  };
  const show = () => ask("settings/sample", { method: "POST", body: sample() }).then(setSaid, (why) => setSaid({ fault: why.message }));
  const play = async () => {
    await show();
    const answer = await fetch("/api/v1/settings/sample/sound", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sample()) });
    if (!answer.ok) {
      const why = (await answer.json().catch(() => ({}))).detail ?? `HTTP ${answer.status}`;
      return setSaid((now) => ({ ...now, sound: t("no-sound", { why }) }));
    }
    const audio = new Audio(URL.createObjectURL(await answer.blob()));
    audio.onended = () => URL.revokeObjectURL(audio.src);
    return audio.play();
  };
  if (silent) return html`<p><small>${shown(value)} · ${t("by-hand-toml")}</small></p>`;
  return html`<textarea id=${id} rows="2" placeholder=${inherited ?? ""} disabled=${locked} onInput=${(event) => put(event.target.value)} value=${value ?? ""}></textarea>
    <div class="row"><button type="button" disabled=${locked} onClick=${show}>${t("say")}</button><button type="button" disabled=${locked} onClick=${play}>▶ ${t("play")}</button></div>
    ${said && html`<p class=${said.fault ? "bad spoken" : "spoken"} role="status">${said.fault ?? html`<small>${t("said")}:</small> ${said.text}`}${said.sound && html` <small>${said.sound}</small>`}</p>`}`;
}

const EDITORS = {
  text: Text, span: Span, count: Count, choice: Choice, ref: Ref, refs: Refs, list: List, members: Members, week: Week,
  again: Again, missed: Missed, answer: Answer, remember: Remember, template: Template,
};
