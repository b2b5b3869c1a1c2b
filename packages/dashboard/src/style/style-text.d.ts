// The whole style as a text, which the build makes of the style sheets.
declare module '@millpond/dashboard/style-text' {
  const css: string
  export default css
}
