// Which pages come first where several have the words: VitePress puts it into the page as text, so that it names
// nothing from outside itself.
// @ts-check

/** A page of the guide answers; one of the reference has the word. @param {string} id */
export const boostDocument = (id) =>
  id.startsWith('/guide/') ? 3 : id.startsWith('/reference/api/') ? 1 : id.startsWith('/reference/') ? 2 : 0.7
