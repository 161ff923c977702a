// Numbers that are never dialled: found, added, taken off.
import { ask, html, phone, useState, words } from "/web/common.js";
import { choices, mean } from "/web/console/meanings.js";
import { Deed, Fault, Moment, useDeed, useFresh, useLoaded } from "/web/console/shared.js";

const t = words({
  ru: {
    title: "Кому не звонить", about: "На эти номера программа не звонит никогда; их собственные звонки принимаются как обычно.",
    number: "Номер", reason: "Причина", "reason-hint": "необязательно", add: "Добавить", find: "Поиск по номеру, причине, имени", since: "С", by: "Кто", deed: "Действие",
    remove: "Убрать", sure: "Снова разрешить звонки на {number}?", empty: "Список пуст. Сюда попадают номера, которых нет, клиенты, отказавшиеся от звонков, и те, кого внесли вы.",
    "not-found": "Ничего не найдено.", more: "Показаны первые {n}: уточните поиск.", added: "{number} больше не получит звонков.", removed: "{number} снова можно звонить.",
  },
  en: {
    title: "Do not call", about: "These numbers are never dialled; calls of their own are taken as ever.",
    number: "Number", reason: "Reason", "reason-hint": "may be left out", add: "Add", find: "Search by number, reason, name", since: "Since", by: "By", deed: "Deed",
    remove: "Remove", sure: "Allow calls to {number} again?", empty: "The list is empty. Numbers that do not exist, clients who declined calls and those that you enter come here.",
    "not-found": "Nothing is found.", more: "The first {n} are shown: search more closely.", added: "{number} is not called any more.", removed: "{number} may be called again.",
  },
});

/** So many rows are shown at once. */
const MOST = 300;
const WHYS = Object.fromEntries(choices("blocked", ["invalid", "declined", "operator", "person"]));

function fits(row, text) {
  const digits = text.replace(/\D/g, "");
  const said = [row.number, phone(row.number), row.reason, row.by, WHYS[row.why]].join(" ").toLowerCase();
  return said.includes(text.toLowerCase()) || (digits.length > 2 && row.number.includes(digits.replace(/^8/, "")));
}

function Row({ row, may, onRemove }) {
  const deed = useDeed();
  const remove = () => confirm(t("sure", { number: phone(row.number) })) && deed.run(() => onRemove(row.number));
  return html`<tr>
    <td class="num-left"><b>${phone(row.number)}</b></td>
    <td>${row.reason || html`<span class="quiet">${mean("blocked", row.why)}</span>`}</td>
    <td>${row.by ?? ""}</td>
    <td><${Moment} at=${row.at} /></td>
    ${may && html`<td class="deeds"><button class="danger" aria-label=${`${t("remove")} ${phone(row.number)}`} disabled=${deed.busy} onClick=${remove}>${t("remove")}</button><${Deed} of=${deed} /></td>`}
  </tr>`;
}

/** The do-not-call list. */
export function Blocked({ me }) {
  const { data, fault, again } = useLoaded("blocked");
  useFresh(again, { pause: 2000, most: 15_000, only: ({ name }) => name === "callback.closed" });
  const [text, setText] = useState("");
  const [said, setSaid] = useState("");
  const deed = useDeed();
  const may = me.scope !== "read";
  const path = (number) => `blocked/${encodeURIComponent(number)}`;
  const add = async (event) => {
    event.preventDefault();
    const form = event.target;
    setSaid("");
    const { number, reason } = Object.fromEntries(new FormData(form));
    if (await deed.run(() => ask(path(number), { method: "PUT", body: { reason: reason.trim() || null } }))) {
      setSaid(t("added", { number: phone(number) }));
      form.reset();
      form.elements.number.focus();
      again();
    }
  };
  const remove = async (number) => {
    await ask(path(number), { method: "DELETE" });
    setSaid(t("removed", { number: phone(number) }));
    again();
  };
  const found = (data?.numbers ?? []).filter((row) => fits(row, text.trim()));
  return html`<section class="card"><h1>${t("title")}</h1><p class="quiet">${t("about")}</p>
    ${may && html`<form class="filters" onSubmit=${add}>
      <label><span>${t("number")}</span><input name="number" type="tel" required placeholder="+7 916 123-45-67" autocomplete="off" /></label>
      <label class="grow"><span>${t("reason")}</span><input name="reason" maxlength="200" placeholder=${t("reason-hint")} autocomplete="off" /></label>
      <span class="row"><button class="primary" disabled=${deed.busy}>${t("add")}</button><${Deed} of=${deed} /></span></form>`}
    <p class="good" role="status">${said}</p>
    <${Fault} why=${fault} />
    ${data?.numbers.length === 0 && html`<p class="empty">${t("empty")}</p>`}
    ${data?.numbers.length > 0 && html`
      <label><span>${t("find")}</span><input type="search" value=${text} onInput=${(event) => setText(event.target.value)} /></label>
      ${found.length === 0 ? html`<p class="empty">${t("not-found")}</p>` : html`<div class="scroll"><table class="blocked">
        <thead><tr><th>${t("number")}</th><th>${t("reason")}</th><th>${t("by")}</th><th>${t("since")}</th>${may && html`<th><span class="hidden">${t("deed")}</span></th>`}</tr></thead>
        <tbody>${found.slice(0, MOST).map((row) => html`<${Row} key=${row.number} row=${row} may=${may} onRemove=${remove} />`)}</tbody></table></div>`}
      ${found.length > MOST && html`<p class="quiet">${t("more", { n: MOST })}</p>`}`}
  </section>`;
}
