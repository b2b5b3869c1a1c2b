// The whole style as text, which the build generates from the style sheets.
declare module '@millpond/dashboard/style-text' {
  const css: string
  export default css
}
