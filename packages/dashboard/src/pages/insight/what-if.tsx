// Another size: chosen below the curve, and its benefit and cost.
import { useEffect, useState } from 'react'
import type { Sized } from '../../api/insight.ts'
import type { Figures } from '../../api/types.ts'
import { useDashboard } from '../../context.tsx'
import type { Numbers } from '../../format/numbers.ts'
import { Section } from '../../parts/section.tsx'
import { Large } from '../../parts/words.tsx'
import { placeOf, usePlace } from '../../place/place.tsx'
import { Curve, REACH } from './curve.tsx'
import { amountOf, kneeOf, missAt, ownAt, points, readsPerSecond } from './figures.ts'

const GIGABYTE = 1e9
/** How long after the slider's last move the URL is updated. */
const SETTLED_MS = 300

export function WhatIf({ said, totals }: { readonly said: Sized; readonly totals: Figures | undefined }) {
  const { numbers } = useDashboard()
  const { query, go, page } = usePlace()
  const [factor, setFactor] = useState(() => within(Number(query.get('times') ?? 2)))
  const [price, setPrice] = useState(query.get('price') ?? '')
  const kept = query.toString()
  useEffect(() => {
    const place = placeOf(page, {
      ...Object.fromEntries(new URLSearchParams(kept)),
      times: factor === 2 ? undefined : factor,
      price,
    })
    if (place === placeOf(page, Object.fromEntries(new URLSearchParams(kept)))) return
    const timer = setTimeout(() => go(place, { replace: true }), SETTLED_MS)
    return () => clearTimeout(timer)
  }, [factor, price, kept, page, go])
  const { capacity, sizes } = said
  if (capacity === null) return null
  const gigabyte = capacity.unit === 'bytes' ? (capacity.amount + GIGABYTE) / capacity.amount : undefined
  const size = amountOf(numbers, { ...capacity, amount: capacity.amount * factor })
  const knee = kneeOf(sizes)
  const kneeSize = knee === undefined ? undefined : amountOf(numbers, { ...capacity, amount: knee.size })
  return (
    <Section title="Misses by size of memory" note="% of all reads, for LRU eviction; band: 95 %">
      <div className="cols">
        <div className="span-8">
          <Curve said={said} factor={factor}>
            <label className="size-slider no-paper">
              <span className="sr">Another size of memory</span>
              <input
                type="range"
                min={-Math.log2(REACH)}
                max={Math.log2(REACH)}
                step={0.125}
                value={Math.log2(factor)}
                aria-valuetext={`${size.value} ${size.unit}, ${numbers.short(factor)} times the current size`}
                onChange={(event) => setFactor(within(2 ** Number(event.target.value)))}
              />
            </label>
          </Curve>
          <p className="note more">
            All sizes at once, for LRU: the band is wide where few keys matter. At half and twice the size, a shadow of
            your own policy has seen the same reads and is more certain.
          </p>
          {knee !== undefined && kneeSize !== undefined && (
            <p className="note">{kneeSay(knee === sizes[0], knee.factor, `${kneeSize.value} ${kneeSize.unit}`)}</p>
          )}
        </div>
        <div className="span-4 stack-small">
          <p className="row">
            {[0.5, 2, 4].map((times) => (
              <Choose key={times} is={times} factor={factor} onChoose={setFactor}>
                {times === 0.5 ? 'half' : `${times} ×`}
              </Choose>
            ))}
            {gigabyte !== undefined && gigabyte <= REACH && (
              <Choose is={within(gigabyte)} factor={factor} onChoose={setFactor}>
                1 GB more
              </Choose>
            )}
          </p>
          {gigabyte !== undefined && gigabyte > REACH && (
            <p className="note">
              One more gigabyte is beyond the {REACH} times the current size that the curve covers.
            </p>
          )}
          <Brings said={said} factor={factor} totals={totals} price={Number(price)} />
          {capacity.unit === 'bytes' && (
            <label className="field no-paper">
              <span>Price of a gigabyte per month</span>
              <input
                className="input"
                inputMode="decimal"
                placeholder="in your currency"
                value={price}
                onChange={(event) => setPrice(event.target.value)}
              />
            </label>
          )}
        </div>
      </div>
    </Section>
  )
}

function Choose({
  is,
  factor,
  onChoose,
  children,
}: {
  readonly is: number
  readonly factor: number
  readonly onChoose: (factor: number) => void
  readonly children: string
}) {
  return (
    <button
      type="button"
      className="btn btn-small"
      aria-pressed={Math.abs(is - factor) < 1e-9}
      onClick={() => onChoose(is)}
    >
      {children}
    </button>
  )
}

function Brings({
  said,
  factor,
  totals,
  price,
}: {
  readonly said: Sized
  readonly factor: number
  readonly totals: Figures | undefined
  readonly price: number
}) {
  const { numbers } = useDashboard()
  const { capacity, sizes } = said
  const [now, then] = [missAt(sizes, 1), ownAt(said, factor) ?? missAt(sizes, factor)]
  if (capacity === null || now === undefined || then === undefined) return <p>Unknown at this size.</p>
  const more = capacity.amount * (factor - 1)
  const added = amountOf(numbers, { ...capacity, amount: Math.abs(more) })
  const gain = now.value - then.value
  const reads = readsPerSecond(said)
  const fewer = reads === undefined ? undefined : reads * gain
  const load = totals?.load_avg_ms ?? undefined
  const miss = numbers.percent(then.value)
  return (
    <dl className="brings" aria-live="polite">
      <div className="big">
        <dt>Misses at {sized(numbers, said, factor)}</dt>
        <dd>
          <Large figure={miss} />
        </dd>
        <dd>
          {numbers.number(then.low * 100, 1)} to {numbers.number(then.high * 100, 1)} %;{' '}
          {numbers.number(now.value * 100, 1)} % now
        </dd>
      </div>
      <div>
        <dt>Hits of a hundred reads</dt>
        <dd>{points(numbers, gain)}</dd>
      </div>
      {fewer !== undefined && (
        <div>
          <dt>Reads that miss memory</dt>
          <dd>{perSecond(numbers.signed(-fewer, Math.abs(fewer) < 10 ? 1 : 0))}</dd>
        </div>
      )}
      {fewer !== undefined && load !== undefined && (
        <div>
          <dt>Load time, if no tier below has them</dt>
          <dd>{perSecond(`${numbers.signed(-fewer * load)} ms`)}</dd>
        </div>
      )}
      <div>
        <dt>Memory of each process</dt>
        <dd>
          {more === 0 ? '0' : more > 0 ? '+' : '\u2212'}
          {more !== 0 && `${added.value} ${added.unit}`}
        </dd>
      </div>
      {capacity.unit === 'bytes' && (
        <div>
          <dt>Cost of each process per month</dt>
          <dd>{price > 0 ? costOf(numbers, (price * more) / GIGABYTE) : 'no price given'}</dd>
        </div>
      )}
    </dl>
  )
}

function kneeSay(isSmallest: boolean, factor: number, size: string): string {
  if (isSmallest) return `Even ${size}, the smallest size shown, would answer all but one in a hundred of these reads.`
  if (factor >= REACH) return `More memory keeps helping up to ${REACH} times the current size.`
  return `From ${size} on, more memory brings less than one read in a hundred.`
}

const LEAST_COST = 0.01

const costOf = (numbers: Numbers, cost: number): string =>
  cost !== 0 && Math.abs(cost) < LEAST_COST ? `less than ${LEAST_COST}` : numbers.signed(cost, 2)

const perSecond = (text: string): string => `${text}/s`

function sized(numbers: Numbers, { capacity }: Sized, factor: number): string {
  const { value, unit } = amountOf(numbers, {
    unit: capacity?.unit ?? 'entries',
    amount: (capacity?.amount ?? 0) * factor,
  })
  return `${value} ${unit}`
}

/** Within the range of the curve; not a number: twice the size. */
function within(factor: number): number {
  return Number.isFinite(factor) && factor > 0 ? Math.min(REACH, Math.max(1 / REACH, factor)) : 2
}
