/**
 * Where an expression leaves a value and the next finds it. Written as the number of a four-byte word, 0 to 15: a
 * value of several words goes on in the words after it. The kernel has two names for the words 0, 4, 8 and 12, and
 * tells the older one (NFT_REG_1 to NFT_REG_4).
 */
export type Register = number;

const NFT_REG_1 = 1;
const NFT_REG_4 = 4;
const NFT_REG32_00 = 8;
const NFT_REG32_15 = 23;

export function registerNumber(word: Register): number {
  if (!Number.isInteger(word) || word < 0 || word > 15) throw new RangeError(`there is no register ${word}`);
  return word % 4 === 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word;
}

/** Undefined for what is no data register. */
export function registerFromNumber(number: number | undefined): Register | undefined {
  if (number === undefined) return undefined;
  if (number >= NFT_REG_1 && number <= NFT_REG_4) return (number - NFT_REG_1) * 4;
  return number >= NFT_REG32_00 && number <= NFT_REG32_15 ? number - NFT_REG32_00 : undefined;
}
