// The look of the front page: quiet water, one accent, readable in the light and in the dark.

export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f5f7f6; --sheet: #ffffff; --ink: #17302e; --soft: #5a706d; --line: #dde5e2;
  --deep: #0f6b64; --mid: #58a79d; --pale: #b9d9d2; --loaded: #e3dccb; --wash: #edf4f2; --warn: #9a5b13;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0e1716; --sheet: #14211f; --ink: #e3eeec; --soft: #93aaa6; --line: #243633;
    --deep: #55c2b4; --mid: #2f8a80; --pale: #1d5a54; --loaded: #4d4736; --wash: #182825; --warn: #e0a458;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", sans-serif }
main { max-width: 66rem; margin: 0 auto; padding: clamp(1.5rem, 5vw, 4rem) clamp(1rem, 4vw, 2rem) 4rem }
h1 { font-size: clamp(1.9rem, 5vw, 2.7rem); line-height: 1.1; letter-spacing: -.025em; font-weight: 640; margin: 0 }
h2 { font-size: .95rem; font-weight: 600; margin: 0 }
p { margin: 0 }
.lead { color: var(--soft); margin-top: .7rem; max-width: 42rem }
.lead a { color: var(--deep) }
.lead b { color: var(--ink); font-weight: 560 }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: 14px; margin-top: 1.75rem; overflow: hidden }
.figures { display: grid; grid-template-columns: repeat(4, 1fr) }
.figure { padding: 1.3rem 1.5rem 1.1rem; border-left: 1px solid var(--line) }
.figure:first-child { border-left: 0 }
.figure dt, .small { color: var(--soft); font-size: .84rem }
.figure dd { margin: .1rem 0 0; font-size: 1.9rem; line-height: 1.2; font-weight: 580; letter-spacing: -.02em; font-variant-numeric: tabular-nums }
.figure dd small { font-size: .95rem; font-weight: 450; color: var(--soft); letter-spacing: 0 }
dl { margin: 0 }
.tiers { padding: 1.2rem 1.5rem 1.35rem; border-top: 1px solid var(--line) }
.bar { display: flex; gap: 2px; height: 10px; border-radius: 5px; overflow: hidden; background: var(--wash); margin-top: .7rem }
.bar i { display: block; width: 0; transition: width .6s ease }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .75rem 0 0; padding: 0; list-style: none; font-size: .88rem; color: var(--soft) }
.key b { color: var(--ink); font-weight: 560; font-variant-numeric: tabular-nums }
.key i { display: inline-block; width: .62rem; height: .62rem; border-radius: 3px; margin-right: .45rem }
.c0 { background: var(--deep) } .c1 { background: var(--mid) } .c2 { background: var(--pale) } .c9 { background: var(--loaded) }
.saved { display: grid; gap: .3rem; margin-top: .9rem; padding-top: .9rem; border-top: 1px solid var(--line); font-size: .88rem }
.saved[hidden] { display: none }
.saved div { display: grid; grid-template-columns: 7rem minmax(0, 1fr) } .saved dt { color: var(--soft) } .saved dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
section { margin-top: 2.6rem; break-inside: avoid }
.columns { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 1.75rem; align-items: start }
.write .sheet { margin-top: .8rem; padding: 1.1rem 1.5rem 1.3rem }
.write button { font: inherit; font-weight: 530; color: var(--sheet); background: var(--deep); border: 0; border-radius: 9px; padding: .5rem .9rem; cursor: pointer; margin: 0 .6rem .35rem 0 }
.write button:disabled { opacity: .5; cursor: default }
table { width: 100%; border-collapse: collapse; margin-top: .9rem; font-size: .92rem }
th, td { text-align: left; font-weight: 450; padding: .38rem .8rem .38rem 0; border-top: 1px solid var(--line) }
thead th { color: var(--soft); font-size: .84rem; border-top: 0 }
td { width: 32% } .anew { color: var(--warn); font-weight: 560 } .kept { color: var(--deep) }
#receipt { margin-top: .8rem; overflow-wrap: anywhere; min-height: 1.3em }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; flex-wrap: wrap }
.links { list-style: none; margin: .8rem 0 0; padding: 0; background: var(--sheet); border: 1px solid var(--line); border-radius: 14px; overflow: hidden }
.links > li + li { border-top: 1px solid var(--line) }
.links a { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: .1rem 1rem; padding: .78rem 1.5rem; color: inherit; text-decoration: none }
.links a:hover, .links a[aria-expanded=true] { background: var(--wash) }
.links a:focus-visible { outline: 2px solid var(--deep); outline-offset: -3px; border-radius: 10px }
.links strong { font-weight: 530 }
.links code { grid-column: 1 / 3; color: var(--soft); overflow-wrap: break-word }
.who { grid-row: 1; grid-column: 2; align-self: baseline; color: var(--soft); font-size: .84rem }
code, pre { font: .84rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
.answer { padding: .2rem 1.5rem 1.2rem; background: var(--wash) }
.answer p { font-size: .92rem } .answer .from { color: var(--deep); font-weight: 560 }
.answer .again { float: right; font: inherit; font-size: .84rem; color: var(--deep); background: none; border: 0; padding: .1rem 0; cursor: pointer; text-decoration: underline; text-underline-offset: 3px }
pre { margin: .8rem 0 0; padding: .9rem 1rem; max-height: 21rem; overflow: auto; background: var(--sheet); border: 1px solid var(--line); border-radius: 9px; white-space: pre-wrap; overflow-wrap: anywhere }
.note { margin-top: 1rem; color: var(--soft); font-size: .9rem } .warn { color: var(--warn) }
footer { margin-top: 3rem; color: var(--soft); font-size: .88rem }
footer pre { background: var(--sheet) }
@media (max-width: 56rem) { .columns { grid-template-columns: minmax(0, 1fr) } }
@media (max-width: 46rem) {
  .figures { grid-template-columns: 1fr 1fr }
  .figure { padding: 1rem 1.1rem .9rem } .figure:nth-child(odd) { border-left: 0 } .figure:nth-child(n+3) { border-top: 1px solid var(--line) }
  .figure dd { font-size: 1.55rem }
  .write .sheet { padding: 1rem 1.1rem 1.1rem } th, td { padding-right: .5rem } .anew, .kept { font-weight: 450 }
  .tiers, .answer { padding-left: 1.1rem; padding-right: 1.1rem } .links a { padding: .78rem 1.1rem }
}
@media (prefers-reduced-motion: reduce) { .bar i { transition: none } }
`
