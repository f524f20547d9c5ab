/** Light and dark, on paper too. */
export const STYLE = `
  :root {
    color-scheme: light dark;
    --text: #24292f; --quiet: #57606a; --rule: #d0d7de; --page: #ffffff; --bar: #0072b2
  }
  @media (prefers-color-scheme: dark) {
    :root { --text: #e6edf3; --quiet: #9198a1; --rule: #3d444d; --page: #0d1117; --bar: #56b4e9 }
  }
  body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif }
  main { max-width: 70rem; margin: 0 auto; padding: 1rem }
  h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2rem } h3 { font-size: 1.05rem } h4 { margin-bottom: 0 }
  .keep { border-left: 4px solid #b3261e; padding-left: .8rem; font-weight: 600 }
  .quiet { color: var(--quiet) }
  .wide { overflow-x: auto }
  table { border-collapse: collapse; font-size: 14px }
  th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }
  .bars rect { fill: var(--bar) }
  section > svg { width: 100%; max-width: 44rem; height: auto; display: block }
  .row { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0 }
  figure { margin: 0 } figure img { width: 12rem; image-rendering: pixelated } figcaption { color: var(--quiet) }
  @media print { .wide { overflow: visible } section { break-inside: avoid-page } }
`;
