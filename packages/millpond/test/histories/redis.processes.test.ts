// Histories over Redis, one for each of the eight faults. With those over the other tiers they are some 100,000 reads.
import { FAULTS } from '../../src/testing/nemesis.ts'
import { describeWith } from '../services/index.ts'
import { shortForm } from './short-form.ts'

const histories = shortForm('histories over Redis', 3500)

describeWith('redis', 'G1 to G9: histories over Redis', () => {
  histories.record('redis', FAULTS)
  histories.expectReads(50_000, 'redis', FAULTS)
})
