// Draws avatars and prints one JSON object per line: {"seed", "class", "svg"}.
// Run by make_starter_sets.py, in a folder where the packages named in package.json are installed:
//     node make_avatars.mjs COUNT_PER_CLASS

import { createAvatar } from '@dicebear/core';
import * as pixelArt from '@dicebear/pixel-art';

const numbered = (name, numbers) => numbers.map((number) => name + String(number).padStart(2, '0'));
const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1);

const shortHair = numbered('short', upTo(24));
const longHair = numbered('long', upTo(21));

// What all avatars share. Earrings are one lone pixel at this size, which looks like a mistake rather than an earring.
const common = {
  accessoriesProbability: 0,
  beardProbability: 0,
  glassesProbability: 0,
  hatProbability: 0,
};

// Each class is one thing that can be seen at a glance at 16 × 16 pixels.
const classes = {
  'short hair': { hair: shortHair, beardProbability: 12 },
  'long hair': { hair: longHair },
  glasses: { hair: [...shortHair, ...longHair], glassesProbability: 100 },
  hat: { hair: [...shortHair, ...longHair], hatProbability: 100 },
};

const countPerClass = Number(process.argv[2]);
if (!Number.isInteger(countPerClass) || countPerClass < 1) {
  console.error('usage: node make_avatars.mjs COUNT_PER_CLASS');
  process.exit(2);
}
for (let number = 0; number < countPerClass; number += 1) {
  for (const [className, options] of Object.entries(classes)) {
    const seed = `${className} ${number}`;
    const svg = createAvatar(pixelArt, { ...common, ...options, seed }).toString();
    console.log(JSON.stringify({ seed, class: className, svg }));
  }
}
