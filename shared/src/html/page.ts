/** Pages that are one file, need nothing else and run nothing: for a screen, for paper, for an archive. */
import { escaped } from "../plot/escaped.ts";

/** Light and dark, on paper too. */
const STYLE = `
  :root {
    color-scheme: light dark;
    --text: #24292f; --quiet: #57606a; --rule: #d0d7de; --page: #ffffff; --bar: #0072b2;
    --good: #1a7f37; --bad: #b3261e
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --text: #e6edf3; --quiet: #9198a1; --rule: #3d444d; --page: #0d1117; --bar: #56b4e9;
      --good: #3fb950; --bad: #ff9d94
    }
  }
  body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif }
  main { max-width: 70rem; margin: 0 auto; padding: 1rem }
  h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2rem } h3 { font-size: 1.05rem } h4 { margin-bottom: 0 }
  .keep { border-left: 4px solid #b3261e; padding-left: .8rem; font-weight: 600 }
  .quiet { color: var(--quiet) }
  .good { color: var(--good); font-weight: 600 } .bad { color: var(--bad); font-weight: 600 }
  .wide { overflow-x: auto }
  .figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.2rem 0 }
  .figures dt { color: var(--quiet); font-size: 14px } .figures dd { margin: 0; font-size: 1.7rem; font-weight: 600 }
  .figures dd small { display: block; font-size: 14px; font-weight: 400; color: var(--quiet); max-width: 22rem }
  table { border-collapse: collapse; font-size: 14px }
  th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }
  code { overflow-wrap: anywhere }
  .bars rect { fill: var(--bar) }
  section > svg { width: 100%; max-width: 44rem; height: auto; display: block }
  .row { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0 }
  figure { margin: 0 } figure img { width: 12rem; image-rendering: pixelated } figcaption { color: var(--quiet) }
  @media print { .wide { overflow: visible } section { break-inside: avoid-page } }
`;

/** `html`: what stands under the heading. */
export function htmlPage(title: string, html: readonly string[]): string {
  return [
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>`,
    `<meta name="viewport" content="width=device-width"><style>${STYLE}</style></head><body><main>`,
    `<h1>${escaped(title)}</h1>`,
    ...html,
    "</main></body></html>\n",
  ].join("\n");
}

export function htmlSection(title: string, html: string): string {
  return `<section><h2>${escaped(title)}</h2>\n${html}\n</section>`;
}

/** Cells are HTML. */
export function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const heads = head.map((cell) => `<th scope="col">${cell}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("\n");
  return `<div class="wide" tabindex="0"><table><thead><tr>${heads}</tr></thead><tbody>${body}</tbody></table></div>`;
}
