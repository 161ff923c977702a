// What every page shares: words in two languages, asking the API, hearing its events, the bar at the top, signing in.
import { html, render, useEffect, useState } from "/web/vendor/htm-preact.js";
export { html, render, useCallback, useEffect, useMemo, useRef, useState } from "/web/vendor/htm-preact.js";

// ---- Words ----

const LANGUAGES = { ru: "Русский", en: "English" };

function preferred() {
  const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("lang");
  if (asked in LANGUAGES) return asked;
  return (navigator.languages ?? [navigator.language]).some((tag) => tag.startsWith("ru")) ? "ru" : "en";
}

/** The language of the page: "ru" or "en". */
export const language = preferred();
document.documentElement.lang = language;

/** Another language from now on. */
export function speak(other) {
  localStorage.setItem("lang", other);
  const address = new URL(location.href);
  address.searchParams.delete("lang");
  location.replace(address);
}

/** words({ru: {key: text}, en: {…}}) gives t(key, {name: value}): the text with its {name}s filled in, or the key. */
export function words(book) {
  const own = book[language];
  return (key, values = {}) => (own[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

const rules = new Intl.PluralRules(language);
/** plural(3, {one: "звонок", few: "звонка", many: "звонков"}); English takes one and other. */
export const plural = (n, forms) => forms[rules.select(n)] ?? forms.other ?? forms.many;

const t = words({
  ru: {
    "sign-in": "Вход", name: "Имя", secret: "Ключ", enter: "Войти", leave: "Выйти",
    wrong: "Нет такого имени с таким ключом.", "wrong-page": "Браузер не подтвердил, что страница своя: откройте её заново.",
    "sign-in-help": "Имя и ключ выдаёт администратор: команда «perezvon token ИМЯ».",
    operator: "Оператор", console: "Пульт", docs: "API", theme: "Светлая или тёмная тема",
    offline: "Связи с сервером нет, пробуем снова…", "try-again": "не вышло: {why}",
  },
  en: {
    "sign-in": "Sign in", name: "Name", secret: "Key", enter: "Sign in", leave: "Sign out",
    wrong: "There is no such name with such a key.", "wrong-page": "The browser does not confirm that this page is its own: open it anew.",
    "sign-in-help": "The admin gives out names and keys: the command “perezvon token NAME”.",
    operator: "Operator", console: "Console", docs: "API", theme: "Light or dark",
    offline: "No connection to the server, trying again…", "try-again": "that did not work: {why}",
  },
});

// ---- Times, spans, numbers ----

const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const whole = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

/** A moment as people say it: the time alone today, the day with it else. */
export function when(moment) {
  if (!moment) return "";
  const at = new Date(moment);
  const today = at.toDateString() === new Date().toDateString();
  return today ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`;
}

/** A moment to the second, for titles. */
export const exactly = (moment) => (moment ? whole.format(new Date(moment)) : "");

/** A span of milliseconds as 1:05 or 1:02:03. */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

/** A number of Russia or of the US as people write it; any other as it is. */
export function phone(number) {
  const parts = /^\+(7|1)(\d{3})(\d{3})(\d{2})(\d{2})$/.exec(number ?? "");
  return parts ? `+${parts[1]} ${parts[2]} ${parts[3]}-${parts[4]}-${parts[5]}` : (number ?? "");
}

// ---- The API ----

/** A refusal of the API: its status, its code, what it says. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `HTTP ${status}`);
    this.status = status;
    this.code = problem?.code;
  }
}

/** Asks /api/v1/PATH; gives the JSON, or throws Refused. */
export async function ask(path, { method = "GET", body, headers = {} } = {}) {
  const asked = { method, headers: { Accept: "application/json", ...headers } };
  if (body !== undefined) {
    asked.body = JSON.stringify(body);
    asked.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(`/api/v1/${path}`, asked);
  const text = await answer.text();
  const json = text && /json/.test(answer.headers.get("Content-Type")) ? JSON.parse(text) : undefined;
  if (!answer.ok) throw new Refused(answer.status, json);
  return json;
}

/** Hears the events of the API: hear({"call.arrived": (data) => …}, onState?). Gives what ends it. The browser resumes by itself. */
export function hear(heard, onState = () => {}) {
  const stream = new EventSource("/api/v1/events");
  stream.onopen = () => onState(true);
  stream.onerror = () => onState(false);
  for (const [name, listener] of Object.entries(heard)) {
    stream.addEventListener(name, (event) => listener(JSON.parse(event.data), event));
  }
  return () => stream.close();
}

// ---- The page ----

function theme() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  const next = now === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem("theme", next);
  dispatchEvent(new Event("theme"));
}
if (localStorage.getItem("theme")) document.documentElement.dataset.theme = localStorage.getItem("theme");

export async function signOut() {
  await fetch("/session", { method: "DELETE" });
  location.assign("/");
}

/** The bar at the top. `here`: the path of this page; children come before the controls. */
export function Top({ me, here, children }) {
  const place = (path, name) => html`<a href=${path} aria-current=${here === path ? "page" : null}>${name}</a>`;
  return html`<header class="top">
    <a class="brand" href="/"><img src="/web/icon.svg" alt="" />Perezvon</a>
    <nav>${place("/operator", t("operator"))}${place("/console", t("console"))}</nav>
    ${children}
    <span class="push row">
      <small>${me.name}</small>
      <button title=${t("theme")} aria-label=${t("theme")} onClick=${theme}>◐</button>
      ${Object.entries(LANGUAGES).filter(([tag]) => tag !== language)
        .map(([tag, name]) => html`<button lang=${tag} onClick=${() => speak(tag)}>${name}</button>`)}
      <button onClick=${signOut}>${t("leave")}</button>
    </span>
  </header>`;
}

/** Says that the connection is gone, for as long as it is. */
export const Offline = ({ up }) => (up ? null : html`<div class="notice bad offline" role="status">${t("offline")}</div>`);

function SignIn({ onMe }) {
  const [fault, setFault] = useState("");
  const enter = async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.target));
    const answer = await fetch("/session", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(given),
    }).catch(() => ({ ok: false, status: 0 }));
    if (answer.ok) onMe(await ask("me"));
    else setFault(answer.status === 401 ? t("wrong") : answer.status === 403 ? t("wrong-page") : t("offline"));
  };
  return html`<form class="card sign-in" onSubmit=${enter}>
    <h1>Perezvon · ${t("sign-in")}</h1>
    <label><span>${t("name")}</span><input name="name" autocomplete="username" required autofocus /></label>
    <label><span>${t("secret")}</span><input name="secret" type="password" autocomplete="current-password" required /></label>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
    <p class="row"><button class="primary">${t("enter")}</button>
      ${Object.entries(LANGUAGES).filter(([tag]) => tag !== language)
        .map(([tag, name]) => html`<button type="button" lang=${tag} onClick=${() => speak(tag)}>${name}</button>`)}</p>
    <small>${t("sign-in-help")}</small>
  </form>`;
}

/** A page for those who are signed in: Page gets {me}. Who is not is asked first. */
export function page(Page) {
  function Whole() {
    const [me, setMe] = useState();
    useEffect(() => {
      ask("me").then(setMe, (why) => setMe(why.status === 401 ? null : { fault: why.message }));
    }, []);
    if (me === undefined) return null;
    if (me === null) return html`<main><${SignIn} onMe=${setMe} /></main>`;
    if (me.fault) return html`<main><div class="notice bad">${t("try-again", { why: me.fault })}</div></main>`;
    return html`<${Page} me=${me} />`;
  }
  render(html`<${Whole} />`, document.body);
}
