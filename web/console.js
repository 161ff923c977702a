// The console: what happens now, callbacks with their why, the journal, the report, the do-not-call list, the settings.
import { Offline, Top, ask, hear, html, page, useEffect, useState, words } from "/web/common.js";
import { Blocked } from "/web/console/blocked.js";
import { Callbacks } from "/web/console/callbacks.js";
import { Journal } from "/web/console/journal.js";
import { Now } from "/web/console/now.js";
import { Report } from "/web/console/report.js";
import { Deed, happens, link, useAddress, useDeed, useFresh, useLoaded } from "/web/console/shared.js";

const t = words({
  ru: {
    now: "Сейчас", callbacks: "Перезвоны", journal: "Журнал", report: "Отчёт", blocked: "Не звонить", settings: "Настройки",
    views: "Разделы пульта", paused: "Перезвоны приостановлены: клиентам никто не звонит.", resume: "Возобновить",
    observing: "Режим наблюдения: программа только говорит, кому позвонила бы.", stopping: "Сервер останавливается.",
    store: "База не принимает записи: новых звонков клиентам не будет, пока место на диске или права не вернутся.",
    down: "Нет связи с коммутатором {names}: звонки не видны, перезвоны ждут.",
    "no-settings": "Настройки не загрузились: {why}", "no-board": "Состояние не загрузилось: {why}",
  },
  en: {
    now: "Now", callbacks: "Callbacks", journal: "Journal", report: "Report", blocked: "Do not call", settings: "Settings",
    views: "Parts of the console", paused: "Callbacks are paused: no client is dialled.", resume: "Resume",
    observing: "Observing: it is only said who would be dialled.", stopping: "The server is about to stop.",
    store: "The store takes no writes: no client is dialled until the disk has room, or the rights are back.",
    down: "No connection to the switch {names}: calls are not seen, callbacks wait.",
    "no-settings": "The settings did not load: {why}", "no-board": "How things stand did not load: {why}",
  },
});

const VIEWS = { now: Now, callbacks: Callbacks, journal: Journal, report: Report, blocked: Blocked, settings: SettingsTab };

/** The settings are a page of their own, fetched when somebody looks. */
function SettingsTab({ me }) {
  const [found, setFound] = useState({});
  useEffect(() => {
    import("/web/settings.js").then(({ Settings }) => setFound({ Settings }), (why) => setFound({ why: why.message }));
  }, []);
  if (found.why) return html`<div class="notice bad" role="alert">${t("no-settings", found)}</div>`;
  return found.Settings ? html`<${found.Settings} me=${me} />` : null;
}

/** What stands in the way of all callbacks, whichever part of the console is looked at. */
function Notices({ me, board, fault, again }) {
  const deed = useDeed();
  const down = (board?.switches ?? []).filter((one) => !one.up).map((one) => one.name);
  const resume = () => deed.run(async () => { await ask("pause", { method: "DELETE" }); await again(); });
  return html`
    ${board?.paused && html`<div class="notice warned row" role="status"><span>${t("paused")}</span>
      ${me.scope === "admin" && html`<button class="primary" disabled=${deed.busy} onClick=${resume}>${t("resume")}</button>`}
      <${Deed} of=${deed} /></div>`}
    ${board?.observing && html`<div class="notice" role="status">${t("observing")}</div>`}
    ${board?.stopping && html`<div class="notice warned" role="status">${t("stopping")}</div>`}
    ${board?.store_works === false && html`<div class="notice bad" role="alert">${t("store")}</div>`}
    ${down.length > 0 && html`<div class="notice bad" role="alert">${t("down", { names: down.join(", ") })}</div>`}
    ${fault && html`<div class="notice bad" role="alert">${t("no-board", { why: fault })}</div>`}`;
}

page(function Console({ me }) {
  const { view, id, params } = useAddress();
  const [up, setUp] = useState(true);
  const { data: board, fault, again } = useLoaded("board");
  useFresh(again, { pause: 300, most: 3000 });
  useEffect(() => hear(happens, setUp), []);
  const shown = VIEWS[view] && (view !== "settings" || me.scope === "admin") ? view : "now";
  useEffect(() => { document.title = `${t(shown)} · Perezvon`; }, [shown]);
  const tabs = Object.keys(VIEWS).filter((name) => name !== "settings" || me.scope === "admin");
  return html`<${Top} me=${me} here="/console" />
    <nav class="tabs" aria-label=${t("views")}>
      ${tabs.map((name) => html`<a key=${name} href=${link(name)} aria-current=${name === shown ? "page" : null}>${t(name)}</a>`)}
    </nav>
    <main class=${`view-${shown}`}>
      <${Notices} me=${me} board=${board} fault=${fault} again=${again} />
      <${VIEWS[shown]} me=${me} id=${id} params=${params} board=${board} again=${again} />
    </main>
    <${Offline} up=${up} />`;
});
document.body.classList.add("console");
