// How an error shows the path of a value: value.items[3].fn
export type Step = string | number | { readonly note: string; readonly index?: number }

const NAME = /^[A-Za-z_$][\w$]*$/

export function renderPath(steps: readonly Step[]): string {
  let text = 'value'
  for (const step of steps) {
    if (typeof step === 'object') text += step.index === undefined ? `<${step.note}>` : `<${step.note} ${step.index}>`
    else if (typeof step === 'string' && NAME.test(step)) text += `.${step}`
    else text += `[${JSON.stringify(step)}]`
  }
  return text.length > 200 ? `${text.slice(0, 120)}…${text.slice(-60)}` : text
}
