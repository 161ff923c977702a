// The operator's page: whose call is coming, what is known of the client, how the operator stands, whom to call by hand.
import {
  Offline, Top, ask, hear, html, page, phone, span, useCallback, useEffect, useMemo, useRef, useState, when, words,
} from "/web/common.js";
import { Past, Say, Who, clientOf, dispositions, kindOf, useKnown } from "/web/client.js";

const t = words({
  ru: {
    ready: "Готов", other: "Другое…", lunch: "Обед", "break": "Перерыв", training: "Учёба", "more-minutes": "+{n} мин", "wrap-up": "После разговора",
    free: "Свободен, звонки приходят", callback: "На звонке", busy: "На другом звонке", resting: "Пауза: на звонок не ответили",
    unregistered: "Телефон не на связи: проверьте аппарат", away: "Не принимает звонки с {at}", "away-why": "{why}, с {at}", "wrap-up-till": "После разговора, ещё {left}",
    unanswered: "Звонки остались без ответа", rings: "Звонит ваш телефон", answered: "Вы на линии, соединяем", talks: "Разговор", over: "Разговор окончен",
    gone: "Вызов отменён или его взял другой", nobody: "Звонка нет", "nobody-is": "Кто звонит, появится здесь в тот же миг.", found: "Карточка клиента",
    "by-hand": "Позвонить вручную", "by-hand-none": "Некому: всем перезвонили.", dial: "Позвонить", due: "с {at}", mine: "Мои разговоры",
    "mine-none": "Разговоров пока нет.", find: "Номер клиента", "find-go": "Найти", sound: "Звук", desktop: "Уведомления", keys: "Клавиши",
    "keys-are": "R — готов · A — перерыв · N — заметка · 1…9 — как прошёл разговор", "no-operator": "Этот ключ не назван ключом оператора. Чья страница?",
    "no-operators": "Операторов в настройках нет.", "read-only": "Этот ключ только смотрит.", close: "Закрыть", why: "Почему вас не будет?", ok: "Готово", quit: "Отмена",
    fault: "Не получилось: {why}", denied: "Браузер не разрешает уведомления.", state: "Состояние", "of": "Оператор {name}", chat: "Переписка",
  },
  en: {
    ready: "Ready", other: "Other…", lunch: "Lunch", "break": "Break", training: "Training", "more-minutes": "+{n} min", "wrap-up": "After the talk",
    free: "Free, calls may come", callback: "On a call", busy: "On another call", resting: "A pause: a call was not answered",
    unregistered: "The phone is not registered: look after it", away: "Takes no calls since {at}", "away-why": "{why}, since {at}", "wrap-up-till": "After the talk, {left} more",
    unanswered: "Calls were not answered", rings: "Your phone rings", answered: "You are on the line, joining", talks: "Talking", over: "The talk is over",
    gone: "Called off, or a colleague took it", nobody: "No call", "nobody-is": "Who calls appears here at that very moment.", found: "A client",
    "by-hand": "To call by hand", "by-hand-none": "Nobody: all were called back.", dial: "Call", due: "since {at}", mine: "My talks",
    "mine-none": "No talks so far.", find: "Client's number", "find-go": "Find", sound: "Sound", desktop: "Notifications", keys: "Keys",
    "keys-are": "R ready · A away · N note · 1…9 how the talk went", "no-operator": "This key is not named as an operator's. Whose page?",
    "no-operators": "There are no operators in the settings.", "read-only": "This key may only look.", close: "Close", why: "Why are you away?", ok: "Done", quit: "Cancel",
    fault: "That did not work: {why}", denied: "The browser does not allow notifications.", state: "State", "of": "Operator {name}", chat: "Chat",
  },
});

const OWN_REASONS = () => ["lunch", "break", "training"].map((key) => t(key));
/** How long after the last event lists are asked for anew, in milliseconds. */
const SOON = 300;
/** How long lists are believed without an event, in milliseconds. */
const LONG = 60000;

/** The time, once a second while somebody looks at it. */
function useNow(on) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!on) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [on]);
  return now;
}

/** What is remembered in this browser. */
function useChoice(key) {
  const [on, setOn] = useState(localStorage.getItem(key) === "yes");
  return [on, (next) => {
    localStorage.setItem(key, next ? "yes" : "no");
    setOn(next);
  }];
}

// ---- Who is at the phone ----

const keyOf = (callback, call) => (callback ? `callback ${callback.id}` : call ? `call ${call.id}` : null);

/** What an event of a call makes of what is at the phone. */
function after(at, { moment, talks, callback, call }) {
  const job = keyOf(callback, call);
  const same = at && at.job === job;
  if (moment === "over") {
    return same ? { ...at, callback: callback ?? at.callback, call: call ?? at.call, moment: at.talked ? "over" : "gone" } : at;
  }
  const talked = moment === "talks" || (same && at.talked);
  return { job, moment, talked, callback: callback ?? (same ? at.callback : null), call: call ?? (same ? at.call : null),
    since: same && at.moment === moment ? at.since : talks ? Date.parse(talks) : Date.now() };
}

/** Everything that the server tells about this operator, as it happens, and anew after a break. */
function useDesk(name) {
  const [desk, setDesk] = useState({ person: null, at: null, up: true, news: 0 });
  const change = (f) => setDesk((desk) => ({ ...desk, ...f(desk) }));
  const load = useCallback(async () => {
    const { operator, moment, talks, callback, call } = await ask(`operators/${encodeURIComponent(name)}/now`);
    change(({ at, news }) => {
      const now = moment ? after(at, { moment, talks, callback, call }) : at && live(at) ? after(at, { ...at, moment: "over" }) : at;
      return { person: operator, at: now, up: true, news: news + 1 };
    });
  }, [name]);
  useEffect(() => {
    let was = true;
    const again = () => load().catch(() => {});
    const lists = () => change(({ news }) => ({ news: news + 1 }));
    const served = ({ data: { call } }) => call.operator === name && change(({ at }) =>
      (at?.call?.id === call.id ? { at: { ...at, call, talked: true } } : at && live(at) ? {} : { at: after(at, { moment: "talks", callback: null, call }) }));
    const ended = ({ data: { call } }) => {
      change(({ at }) => (at?.call?.id === call.id && live(at) && !at.callback ? { at: after(at, { moment: "over", callback: null, call }) } : {}));
      lists();
    };
    // A callback that falls due is told by nobody: it is looked for at its time, and all of them once in a while.
    const due = (event) => {
      lists();
      const wait = new Date(event.data.callback?.due) - Date.now();
      if (wait > 0 && wait < LONG) timers.push(setTimeout(lists, wait + SOON));
    };
    const timers = [setInterval(lists, LONG)];
    const quiet = Object.fromEntries(["callback.opened", "callback.joined", "callback.closed", "callback.reopened", "attempt.ringing", "attempt.ended"]
      .map((event) => [event, due]));
    const stop = hear({
      ...quiet,
      "operator.call": ({ data }) => data.operators.includes(name) && change(({ at }) => ({ at: after(at, data) })),
      "operator.state": ({ data: { operator } }) => operator.name === name && change(() => ({ person: operator })),
      "call.served": served, "call.ended": ended, "call.missed": ended, reset: again,
    }, (up) => {
      if (up && !was) again();
      was = up;
      change(() => ({ up }));
    });
    again();
    return () => {
      timers.forEach(clearTimeout);
      stop();
    };
  }, [name]);
  return [desk, load, (at) => change(() => ({ at }))];
}

const live = (at) => ["rings", "answered", "talks"].includes(at.moment);

// ---- The state ----

function useSetState(name, load) {
  const [fault, setFault] = useState("");
  const put = async (path, body) => {
    setFault("");
    try {
      await ask(`operators/${encodeURIComponent(name)}${path}`, { method: "PUT", body });
    } catch (why) {
      setFault(t("fault", { why: why.message }));
    }
    load().catch(() => {});
  };
  return [fault, (ready, why) => put("", { ready, why }), (until) => put("/wrap-up", { until: until.toISOString() })];
}

function OtherReason({ onSay, onQuit }) {
  const dialog = useRef();
  useEffect(() => dialog.current.showModal(), []);
  const say = (event) => {
    event.preventDefault();
    onSay(event.target.elements.why.value.trim());
  };
  return html`<dialog ref=${dialog} class="card" onClose=${onQuit}><form onSubmit=${say}>
    <h2>${t("why")}</h2><label><input name="why" maxlength="64" autofocus required /></label>
    <p class="row"><button class="primary">${t("ok")}</button><button type="button" onClick=${() => dialog.current.close()}>${t("quit")}</button></p>
  </form></dialog>`;
}

/** What the operator does, in words. */
function doing(person, now) {
  const left = person.pause ? new Date(person.pause) - now : 0;
  const why = person.why === "unanswered" ? t("unanswered") : person.why;
  if (person.state === "wrap-up") return t("wrap-up-till", { left: span(Math.max(0, left)) });
  if (person.state === "away") return why ? t("away-why", { why, at: when(person.since) }) : t("away", { at: when(person.since) });
  return t(person.state);
}

function State({ person, reasons, may, say, wrapUp, fault }) {
  const [asks, setAsks] = useState(false);
  const now = useNow(Boolean(person?.pause));
  if (!person) return html`<section class="state card" aria-busy="true"></section>`;
  const reason = person.ready ? null : person.why;
  const other = reason && !reasons.includes(reason);
  const longer = (n) => wrapUp(new Date(Math.max(now, new Date(person.pause)) + n * 60000));
  const wraps = person.state === "wrap-up";
  return html`<section class=${`state card ${person.state}`} aria-label=${t("state")}>
    <div class="switch" role="group">
      <button name="ready" class="ready" disabled=${!may} aria-pressed=${person.ready} onClick=${() => say(true)}>${t("ready")}</button>
      ${reasons.map((why) => html`<button name="away" disabled=${!may} aria-pressed=${reason === why} onClick=${() => say(false, why)}>${why}</button>`)}
      <button name="other" disabled=${!may} aria-pressed=${Boolean(other)} onClick=${() => setAsks(true)}>${t("other")}</button>
    </div>
    <p class="doing" role="status">${doing(person, now)}
      <span class=${wraps ? "row" : "row away-from-view"}>${[1, 5].map((n) => html`
        <button class="small" name=${`longer-${n}`} disabled=${!may || !wraps} onClick=${() => longer(n)}>${t("more-minutes", { n })}</button>`)}</span></p>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    ${asks && html`<${OtherReason} onQuit=${() => setAsks(false)} onSay=${(why) => {
      setAsks(false);
      say(false, why);
    }} />`}
  </section>`;
}

// ---- The card ----

function Moment({ at }) {
  const now = useNow(at.moment === "talks");
  return html`<p class="moment" role="status"><strong>${t(at.moment ?? "found")}</strong>
    <span class="num">${at.moment === "talks" ? span(now - at.since) : ""}</span></p>`;
}

function Card({ at, me, name, pages, may, pick, onPicked, onClose }) {
  const client = at && clientOf(at);
  const [known, load] = useKnown(client?.number);
  useEffect(() => {
    if (at?.moment === "over") load();
  }, [at?.moment]);
  useEffect(() => {
    dispatchEvent(new CustomEvent("client", { detail: client ? { number: client.number, callback: at.callback?.id } : null }));
  }, [client?.number, at?.callback?.id]);
  if (!client) return html`<section class="client card nobody"><h2>${t("nobody")}</h2><p class="quiet">${t("nobody-is")}</p></section>`;
  return html`<section class=${`client card ${at.moment ?? "found"}`} aria-live="assertive">
    <div class="head"><${Moment} at=${at} />
      <button class="push" disabled=${at.moment && live(at)} aria-label=${t("close")} title=${t("close")} onClick=${onClose}>×</button></div>
    <${Who} at=${at} known=${known} links=${pages.links} operator=${name} />
    <${Say} at=${at} known=${known} load=${load} pages=${pages} may=${may} pick=${pick} onPicked=${onPicked} />
    ${client.number && html`<${Past} known=${known} load=${load} me=${me} />`}
  </section>`;
}

// ---- The lists ----

/** A list that is asked for when something has happened, and not more often than it can be read. */
function useList(path, news) {
  const [list, setList] = useState();
  useEffect(() => {
    const timer = setTimeout(() => ask(path).then(setList, () => {}), list ? SOON : 0);
    return () => clearTimeout(timer);
  }, [path, news]);
  return list;
}

const Person = ({ of }) => html`<span class="who"><b>${of.name || phone(of.number) || "—"}</b>
  ${of.name && html`<small class="num">${phone(of.number)}</small>`}</span>`;

function ByHand({ name, news, may, onShow }) {
  const list = useList(`operators/${encodeURIComponent(name)}/by-hand`, news)?.callbacks;
  const [fault, setFault] = useState("");
  const dial = (callback) => ask(`callbacks/${callback.id}/dial`, { method: "POST" })
    .then(() => setFault(""), (why) => setFault(t("fault", { why: why.message })));
  return html`<section class="card by-hand"><h2>${t("by-hand")} ${list?.length > 0 && html`<span class="badge num">${list.length}</span>`}</h2>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    ${list?.length === 0 && html`<p class="quiet">${t("by-hand-none")}</p>`}
    <ul class="list">${list?.map((callback) => html`<li key=${callback.id}>
      <button class="plain" onClick=${() => onShow({ callback, call: null })}><${Person} of=${callback} />
        <small>${callback.line} · ${t("due", { at: when(callback.last_miss) })}</small></button>
      <button class="primary" name="dial" disabled=${!may} onClick=${() => dial(callback)}>${t("dial")}</button></li>`)}</ul>
  </section>`;
}

function Mine({ name, news, onShow }) {
  const talks = useList(`operators/${encodeURIComponent(name)}/talks`, news);
  const rows = useMemo(() => {
    if (!talks) return null;
    const calls = talks.calls.map((call) => ({ at: call.served ?? call.arrived, call, callback: null, ms: call.talk_ms }));
    const tried = talks.callbacks.flatMap(({ callback, attempts }) => attempts.filter((one) => one.joined)
      .map((one) => ({ at: one.joined, call: null, callback, ms: new Date(one.ended ?? Date.now()) - new Date(one.joined) })));
    return [...calls, ...tried].sort((a, b) => b.at.localeCompare(a.at)).slice(0, 12);
  }, [talks]);
  return html`<section class="card mine"><h2>${t("mine")}</h2>
    ${rows?.length === 0 && html`<p class="quiet">${t("mine-none")}</p>`}
    <ul class="list">${rows?.map(({ at, call, callback, ms }) => html`<li key=${at + (call?.id ?? callback.id)}>
      <button class="plain" onClick=${() => onShow({ callback, call, talked: true })}><${Person} of=${callback ?? call} />
        <small><time class="num">${when(at)}</time> · <span class="num">${span(ms)}</span> · ${kindOf({ callback, call })}</small></button></li>`)}</ul>
  </section>`;
}

function Find({ onShow }) {
  const [fault, setFault] = useState("");
  const find = async (event) => {
    event.preventDefault();
    try {
      const { number, calls, callbacks } = await ask(`clients/${encodeURIComponent(event.target.elements.number.value)}`);
      const last = callbacks[0]?.callback ?? calls[0];
      setFault("");
      onShow({ callback: null, call: null, plain: { number, name: last?.name ?? "", line: last?.line ?? "" } });
    } catch (why) {
      setFault(t("fault", { why: why.message }));
    }
  };
  return html`<form class="row find" onSubmit=${find}>
    <input name="number" type="tel" placeholder=${t("find")} aria-label=${t("find")} required size="16" /><button>${t("find-go")}</button>
    ${fault && html`<small class="bad" role="alert">${fault}</small>`}</form>`;
}

// ---- Loud enough ----

/** Two notes, as a telephone has them. */
function ring() {
  const audio = new AudioContext();
  [0, 0.18].forEach((from, n) => {
    const [tone, volume] = [audio.createOscillator(), audio.createGain()];
    tone.frequency.value = n ? 880 : 660;
    volume.gain.setValueAtTime(0.15, audio.currentTime + from);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + from + 0.16);
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + from);
    tone.stop(audio.currentTime + from + 0.17);
  });
  setTimeout(() => audio.close(), 600);
}

const titleOf = (at) => {
  const client = clientOf(at);
  return [client.name, phone(client.number)].filter(Boolean).join(" · ") || t("rings");
};

/** Says who calls in the tab, and, by choice, by a sound and a notification. */
function useLoud(at, sound, desktop) {
  const coming = at && live(at);
  useEffect(() => {
    document.title = coming ? `● ${titleOf(at)}` : "Perezvon";
  }, [coming, at?.job]);
  useEffect(() => {
    if (at?.moment !== "rings") return;
    if (sound) ring();
    if (desktop && globalThis.Notification?.permission === "granted") {
      new Notification(titleOf(at), { body: kindOf(at), tag: at.job, icon: "/web/icon.svg" });
    }
  }, [at?.moment, at?.job]);
}

function Choices({ sound, setSound, desktop, setDesktop }) {
  const [denied, setDenied] = useState(false);
  const notify = async () => {
    const granted = desktop || (globalThis.Notification && (await Notification.requestPermission()) === "granted");
    setDenied(!granted);
    setDesktop(granted && !desktop);
  };
  const loud = () => {
    if (!sound) ring();
    setSound(!sound);
  };
  return html`<span class="row"><button aria-pressed=${sound} onClick=${loud}>${t("sound")}</button>
    <button aria-pressed=${desktop} onClick=${notify}>${t("desktop")}</button>${denied && html`<small class="bad">${t("denied")}</small>`}</span>`;
}

/** Keys for those whose hands are on the keyboard; not while somebody writes. */
function useKeys({ may, say, reasons, words, setPick }) {
  useEffect(() => {
    const press = (event) => {
      const writes = event.target.closest("input, textarea, select, dialog");
      if (writes || !may || event.ctrlKey || event.altKey || event.metaKey) return;
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
      const button = digit && document.querySelectorAll(".words button")[digit - 1];
      if (event.code === "KeyR") say(true);
      else if (event.code === "KeyA") say(false, reasons[0]);
      else if (event.code === "KeyN") document.querySelector("textarea[name=note]")?.focus();
      else if (button && !button.disabled) setPick(words[digit - 1]);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}

// ---- The page ----

function Desk({ me, name, pages }) {
  const [desk, load, setAt] = useDesk(name);
  const [fault, say, wrapUp] = useSetState(name, load);
  const [sound, setSound] = useChoice("sound");
  const [desktop, setDesktop] = useChoice("desktop");
  const [pick, setPick] = useState(null);
  const may = me.scope !== "read";
  const reasons = pages.away.length ? pages.away : OWN_REASONS();
  useLoud(desk.at, sound, desktop);
  useKeys({ may, say, reasons, words: dispositions(pages), setPick });
  const show = ({ callback, call, plain, talked }) => {
    if (!desk.at || !live(desk.at)) setAt({ job: `shown ${callback?.id ?? call?.id ?? plain.number}`, moment: null, talked, callback, call: call ?? plain });
  };
  return html`<${Top} me=${me} here="/operator"><${Find} onShow=${show} /><//>
    <main class="operator">
      <${State} person=${desk.person} reasons=${reasons} may=${may} say=${say} wrapUp=${wrapUp} fault=${fault} />
      <${Card} at=${desk.at} me=${me} name=${name} pages=${pages} may=${may} pick=${pick} onPicked=${() => setPick(null)} onClose=${() => setAt(null)} />
      <aside>
        <section id="chat" aria-label=${t("chat")}></section>
        <${ByHand} name=${name} news=${desk.news} may=${may} onShow=${show} />
        <${Mine} name=${name} news=${desk.news} onShow=${show} />
      </aside>
      <footer class="row"><${Choices} ...${{ sound, setSound, desktop, setDesktop }} />
        <small>${may ? t("keys-are") : t("read-only")}</small></footer>
    </main>
    <${Offline} up=${desk.up} />`;
}

/** A key that is no operator's looks at one's page. */
function Whose({ me, onName }) {
  const [people, setPeople] = useState();
  useEffect(() => {
    ask("operators").then((answer) => setPeople(answer.operators), () => setPeople([]));
  }, []);
  return html`<${Top} me=${me} here="/operator" /><main><section class="card"><h1>${t("no-operator")}</h1>
    ${people?.length === 0 && html`<p>${t("no-operators")}</p>`}
    <p class="row">${people?.map((person) => html`<button name="whose" onClick=${() => onName(person.name)}>${person.name}</button>`)}</p></section></main>`;
}

page(({ me }) => {
  const [name, setName] = useState(me.operator ?? null);
  const [pages, setPages] = useState();
  useEffect(() => {
    ask("pages").then(setPages, () => setPages({ links: [], away: [], dispositions: [] }));
  }, []);
  if (!name) return html`<${Whose} me=${me} onName=${setName} />`;
  return pages ? html`<${Desk} me=${me} name=${name} pages=${pages} />` : null;
});
