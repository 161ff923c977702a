// Settings: what people edit over the configuration, as versions. Forms, a review with the difference and a trial on the journal, and the history.
import { ask, exactly, html, span, useCallback, useEffect, useRef, useState, when } from "/web/common.js";
import { Draft, dotted, startsWith, toml } from "/web/settings-draft.js";
import { Field } from "/web/settings-forms.js";
import { BEGIN, FORMS, SECTIONS, called, fieldOf, shown, t } from "/web/settings-words.js";

// Whoever imports this gets its looks with it.
const STYLE = "/web/settings.css";
if (!document.querySelector(`link[href="${STYLE}"]`)) {
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: STYLE }));
}

/** How long the person must rest from typing before the draft is checked, in milliseconds. */
const REST = 350;
const NO_FAULTS = { faults: [], changes: [], text: "" };
const post = (path, body) => ask(`settings/${path}`, { method: "POST", body });

/** The whole of it. `me`: who looks. */
export function Settings({ me }) {
  const may = me.scope === "admin";
  const [now, setNow] = useState();
  const [draft, setDraft] = useState();
  const [checked, setChecked] = useState(NO_FAULTS);
  const [tab, setTab] = useState("line");
  const [told, setTold] = useState();
  const latest = useRef(0);

  const load = useCallback(async (over) => {
    const read = await ask("settings");
    setNow(read);
    setChecked(NO_FAULTS);
    setDraft(over ? over.over(read) : new Draft(read));
  }, []);
  useEffect(() => { load().catch((why) => setTold({ bad: why.message })); }, []);
  useEffect(() => {
    if (!draft || !may) return undefined;
    const turn = ++latest.current;
    const timer = setTimeout(() => post("check", draft.body()).then((answer) => turn === latest.current && setChecked(answer),
      (why) => setTold({ bad: why.message })), REST);
    return () => clearTimeout(timer);
  }, [draft]);

  if (!draft) return told ? html`<div class="notice bad">${told.bad}</div>` : null;
  const change = (deed) => setDraft((before) => {
    const next = before.copy();
    deed(next);
    return next;
  });
  const begun = new Draft(now);
  const edited = JSON.stringify(draft.body()) !== JSON.stringify(begun.body());
  const saved = (version) => {
    setTold({ good: t("saved", { version: version.version }) });
    setTab("line");
    return load();
  };
  const props = { now, draft, change, checked, may, setDraft, setTold, load, saved, setTab };
  const Panel = { toml: Toml, history: History, review: Review }[tab];
  return html`<section class="settings">
    ${now.faults.length > 0 && html`<div class="notice bad" role="alert">${t("held-off", { version: now.newest.version })}
      <ul>${now.faults.map((fault) => html`<li>${fault.place}: ${fault.what}${fault.cure && `; ${fault.cure}`}</li>`)}</ul></div>`}
    ${told && html`<div class=${`notice${told.bad ? " bad" : ""}`} role="status">${told.bad ?? told.good}
      ${told.changed && html` <button onClick=${() => { setTold(); load(draft); setTab("review"); }}>${t("take-theirs")}</button>`}</div>`}
    ${!may && html`<div class="notice">${t("read-only")}</div>`}
    <nav class="row tabs">${[...SECTIONS, "toml", "history"].map((name) => html`<button aria-pressed=${tab === name} onClick=${() => setTab(name)}>
      ${t(name)}${marks(name, checked)}</button>`)}</nav>
    ${Panel ? html`<${Panel} ...${props} />` : html`<${Section} key=${tab} section=${tab} ...${props} />`}
    ${may && edited && tab !== "review" && html`<div class="bar row" role="status">
      <span class="grow">${t("changes")}: ${checked.changes.length}${checked.faults.length > 0 && html` · <span class="bad">${t("faulty")}</span>`}</span>
      <button onClick=${() => setDraft(begun)}>${t("discard")}</button>
      <button class="primary" onClick=${() => setTab("review")}>${t("review")}</button></div>`}
  </section>`;
}

/** How many changes a section has, and whether one is faulty. */
function marks(section, { faults, changes }) {
  const count = changes.filter((change) => change.path[0] === section).length;
  const wrong = faults.some((fault) => fault.path[0] === section);
  return (count > 0 || wrong) && html` <span class=${`badge${wrong ? " bad" : ""}`}>${wrong ? "!" : count}</span>`;
}

// ---- The forms ----

function Section({ section, draft, change, checked, may }) {
  const single = section === "defaults";
  const [chosen, choose] = useState();
  const [part, setPart] = useState(FORMS[section][0].tab);
  const names = single ? [] : draft.names(section, true);
  const name = chosen !== undefined && names.includes(chosen) ? chosen : names[0];
  const add = (event) => {
    event.preventDefault();
    const fresh = new FormData(event.target).get("name").trim();
    if (!fresh) return;
    const [key, value] = BEGIN[section];
    if (!names.includes(fresh)) change((next) => next.put([section, fresh, key], value));
    choose(fresh);
    event.target.reset();
  };
  const form = FORMS[section].find((one) => one.tab === part) ?? FORMS[section][0];
  const gone = !single && name !== undefined && draft.gone(section, name);
  const path = (field) => (single ? [section, ...form.under, field.name] : [section, name, ...form.under, field.name]);
  return html`<div class=${single ? "" : "sides"}>
    ${!single && html`<aside class="card"><ul class="names">${names.map((one) => html`<li><button aria-pressed=${one === name} onClick=${() => choose(one)}>
        ${draft.gone(section, one) ? html`<s>${one}</s>` : one}${dot(checked, [section, one])}</button></li>`)}</ul>
      ${may && BEGIN[section] && html`<form class="row" onSubmit=${add}><input name="name" class="medium" placeholder=${t("new-name")} aria-label=${t("new-name")} maxlength="64" /><button>${t("add")}</button></form>`}</aside>`}
    ${(single || name !== undefined) && html`<div>
      <div class="row head"><h2 class="grow">${t(`one-${section}`)} ${single ? "" : name}</h2>
        ${may && !single && BEGIN[section] && (gone
          ? html`<button onClick=${() => change((next) => next.back([section, name]))}>${t("restore")}</button>`
          : html`<button class="danger" onClick=${() => change((next) => next.takeOff(section, name))}>${t("remove")}</button>`)}</div>
      ${!gone && FORMS[section].length > 1 && html`<nav class="row tabs">${FORMS[section].map(({ tab }) => html`<button aria-pressed=${form.tab === tab} onClick=${() => setPart(tab)}>${t(tab)}</button>`)}</nav>`}
      ${!gone && html`<div class="boxes">${form.boxes.map((box) => html`<fieldset class="card" key=${`${name} ${form.tab} ${box.title}`}><legend>${box.title}</legend>
        ${box.fields.map((field) => html`<${Field} key=${path(field).join("/")} field=${field} path=${path(field)} draft=${draft} change=${change} faults=${checked.faults} may=${may} />`)}</fieldset>`)}</div>`}
      <${Elsewhere} faults=${checked.faults.filter((fault) => startsWith(fault.path, single ? [section] : [section, name]) && !fieldOf(fault.path))} />
    </div>`}</div>`;
}

const dot = ({ changes, faults }, path) => {
  const wrong = faults.some((fault) => startsWith(fault.path, path));
  return (wrong || changes.some((change) => startsWith(change.path, path))) && html` <span class=${wrong ? "bad" : "changed-dot"} title=${t(wrong ? "faulty" : "changed")}>●</span>`;
};

/** Faults of what no form shows. */
const Elsewhere = ({ faults }) => faults.length > 0 && html`<ul class="bad">${faults.map((fault) => html`<li>${fault.place}: ${fault.what}${fault.cure && `; ${fault.cure}`}</li>`)}</ul>`;

// ---- TOML ----

function Toml({ now, checked, may, setDraft, setTold }) {
  const [text, setText] = useState();
  const [faults, setFaults] = useState([]);
  const apply = async () => {
    const answer = await post("check", { text: text ?? checked.text }).catch((why) => setTold({ bad: why.message }));
    if (!answer) return;
    setFaults(answer.faults);
    // What cannot be read, or may not be said, says nothing that a form could show.
    if (answer.faults.length && !answer.set.length && !answer.removed.length) return;
    const next = new Draft(now);
    const taken = new Draft({ ...now, set: answer.set, removed: answer.removed });
    [next.set, next.removed] = [taken.set, taken.removed];
    setDraft(next);
    setText();
  };
  return html`<div class="card"><p class="quiet">${t("toml-help", { file: now.file })}</p>
    <textarea class="toml" rows="18" spellcheck="false" aria-label="TOML" disabled=${!may} value=${text ?? (may ? checked.text : now.text)} onInput=${(event) => setText(event.target.value)}></textarea>
    <${Elsewhere} faults=${faults} />
    ${may && html`<p><button class="primary" disabled=${text === undefined} onClick=${apply}>${t("apply")}</button></p>`}</div>`;
}

// ---- The review ----

function Review({ now, draft, checked, may, setTold, saved, setTab, setDraft }) {
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const save = async (event) => {
    event.preventDefault();
    setBusy(true);
    setTold();
    try {
      await saved(await post("versions", { draft: draft.body(), based_on: now.newest?.version ?? 0, comment }));
    } catch (why) {
      setTold({ bad: why.message, changed: why.code === "changed" });
      setBusy(false);
    }
  };
  const nothing = checked.changes.length === 0 && checked.faults.length === 0;
  return html`<div class="review">
    <section class="card"><h2>${t("changes")}</h2><${Changes} changes=${checked.changes} /></section>
    ${checked.faults.length > 0 && html`<section class="card"><h2 class="bad">${t("faults")}</h2>
      <ul>${checked.faults.map((fault) => html`<li><b>${fault.path.length > 1 ? called(fault.path) : fault.place}</b>: ${fault.what}${fault.cure && `; ${fault.cure}`} <small>${fault.place}</small></li>`)}</ul></section>`}
    <${Trial} draft=${draft} faulty=${checked.faults.length > 0 || nothing} />
    <form class="card" onSubmit=${save}><label><span>${t("comment")}</span><textarea rows="2" maxlength="500" value=${comment} onInput=${(event) => setComment(event.target.value)}></textarea></label>
      <div class="row"><button class="primary" disabled=${!may || busy || checked.faults.length > 0}>${t(busy ? "saving" : "save")}</button>
        <button type="button" onClick=${() => setTab("line")}>${t("cancel")}</button>
        <button type="button" class="danger" onClick=${() => { setDraft(new Draft(now)); setTab("line"); }}>${t("discard")}</button></div></form>
  </div>`;
}

/** What differs, in words and as lines. */
function Changes({ changes }) {
  if (!changes.length) return html`<p class="empty">${t("no-changes")}</p>`;
  return html`<ul class="changes">${changes.map(({ path, was, now }) => {
    const field = fieldOf(path);
    return html`<li><b>${called(path)}</b>: <span class="was">${shown(was, field)}</span> → <span class="now">${shown(now, field)}</span></li>`;
  })}</ul>
  <details><summary>${t("as-diff")}</summary><pre class="diff">${changes.flatMap(({ path, was, now }) => [["del", "-", was], ["ins", "+", now]]
    .filter(([, , value]) => value !== null).map(([kind, sign, value]) => html`<span class=${kind}>${`${sign} ${dotted(path)} = ${toml(value)}\n`}</span>`))}</pre></details>`;
}

const ROWS = [["missed", (came) => came.missed], ["callbacks", (came) => came.callbacks], ["recovered", (came) => came.recovered], ["dials", (came) => came.dials],
  ["operator_time", (came) => came.operator_time, span], ["talk", (came) => came.talk, span], ["to_talk_median", (came) => came.to_talk_median, span]];

/** What the last days would have been. */
function Trial({ draft, faulty }) {
  const [days, setDays] = useState(30);
  const [came, setCame] = useState();
  const run = async () => {
    setCame({ waits: true });
    await post("trial", { draft: draft.body(), days }).then(setCame, (why) => setCame({ fault: why.message }));
  };
  useEffect(() => setCame(), [draft]);
  const cell = (value, write = String) => html`<td class="num">${value === null ? "—" : write(value)}</td>`;
  return html`<section class="card trial"><h2>${t("trial")}</h2>
    <div class="row"><button type="button" disabled=${faulty || came?.waits} onClick=${run}>${t("trial-run")}</button>
      <select aria-label=${t("days")} onChange=${(event) => setDays(Number(event.target.value))}>${[7, 30, 90].map((n) => html`<option value=${n} selected=${n === days}>${n} ${t("days")}</option>`)}</select></div>
    ${came?.waits && html`<p role="status">${t("trial-wait")}</p>`}${came?.fault && html`<p class="quiet" role="status">${came.fault}</p>`}
    ${came?.new && html`<div class="scroll"><table><tr><th></th>${["was", "current", "new", "change"].map((word) => html`<th class="num">${t(word)}</th>`)}</tr>
      ${ROWS.map(([name, of, write]) => html`<tr><td>${t(name)}</td>${[came.journal, came.current, came.new].map((one) => cell(of(one), write))}
        <td class="num"><b>${difference(of(came.current), of(came.new), write)}</b></td></tr>`)}
      ${came.currency && html`<tr><td>${t("cost")}, ${came.currency}</td>${[came.journal, came.current, came.new].map((one) => cell(one.cost))}
        <td class="num"><b>${signed(Number((came.new.cost - came.current.cost).toFixed(4)))}</b></td></tr>`}</table></div>
      <small>${t("trial-known", { known: came.known, drawn: came.drawn })}</small>`}
  </section>`;
}

/** Of what there was none, as no talk has no time until it, nothing differs. */
const difference = (old, fresh, write) => (old === null || fresh === null ? "—" : signed(fresh - old, write));
const signed = (n, write = String) => `${n > 0 ? "+" : n < 0 ? "−" : ""}${write(Math.abs(n))}`;

// ---- The history ----

function History({ now, may, setTold, saved }) {
  const [versions, setVersions] = useState();
  const [open, setOpen] = useState();
  useEffect(() => { ask("settings/versions").then((answer) => setVersions(answer.versions), (why) => setTold({ bad: why.message })); }, [now]);
  const look = (version) => ask(`settings/versions/${version}`).then(setOpen, (why) => setTold({ bad: why.message }));
  const back = (to) => post("rollback", { to, based_on: now.newest?.version ?? 0 }).then(saved, (why) => setTold({ bad: why.message }));
  if (!versions) return null;
  if (!versions.length) return html`<p class="empty">${t("no-versions", { file: now.file })}</p>`;
  return html`<div class="card">${now.file_changed && html`<p class="warn">${t("file-changed", { file: now.file })}</p>`}
    <ul class="versions">${versions.map((one) => html`<li key=${one.version}>
      <div class="row"><button aria-expanded=${open?.version.version === one.version} onClick=${() => (open?.version.version === one.version ? setOpen() : look(one.version))}>
          ${one.version}</button>
        <span class="grow"><b>${one.by}</b> · <time title=${exactly(one.at)}>${when(one.at)}</time>${one.restores !== null && html` · <span class="badge">${one.restores === 0 ? t("as-file") : t("as-version", { version: one.restores })}</span>`}
          ${one.comment && html`<br />${one.comment}`}</span></div>
      ${open?.version.version === one.version && html`<div class="detail"><${Changes} changes=${open.changes} />
        <details><summary>TOML</summary><pre>${open.text}</pre></details>
        ${may && one.version !== now.newest.version && html`<p><button onClick=${() => back(one.version)}>${t("roll-back")}</button></p>`}</div>`}</li>`)}</ul>
    ${may && html`<p><button onClick=${() => back(0)}>${t("roll-back-file")}</button></p>`}</div>`;
}
