// The settings as a page of their own.
import { Top, html, page, words } from "/web/common.js";
import { Settings } from "/web/settings.js";

const t = words({ ru: { title: "Настройки" }, en: { title: "Settings" } });

page(({ me }) => html`<${Top} me=${me} here="/settings" /><main><h1>${t("title")}</h1><${Settings} me=${me} /></main>`);
