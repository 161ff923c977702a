// Where people begin: the operators' page for who has calls, the console for who looks after them.
import { Top, html, page, words } from "/web/common.js";

const t = words({
  ru: {
    operator: "Страница оператора", "operator-is": "Кто звонит, что о нём известно; готов, перерыв, после разговора.",
    console: "Пульт", "console-is": "Очередь, операторы, обратные звонки, журнал, отчёт, настройки.",
    docs: "Описание API", "docs-is": "Для тех, кто подключает другие программы.",
  },
  en: {
    operator: "Operator's page", "operator-is": "Who is calling and what is known of them; ready, away, after the talk.",
    console: "Console", "console-is": "Queue, operators, callbacks, journal, report, settings.",
    docs: "The API", "docs-is": "For those who connect other programs.",
  },
});

page(({ me }) => html`<${Top} me=${me} here="/" />
  <main class="grid">
    ${[["/operator", "operator"], ["/console", "console"], ["/docs", "docs"]].map(([path, key]) => html`
      <section class="card"><h2><a href=${path}>${t(key)}</a></h2><p class="quiet">${t(`${key}-is`)}</p></section>`)}
  </main>`);
