import { digestOfJson } from "@consilium/shared/encoding/digest";
import type { PartyName, PublicKey } from "@consilium/shared/units/identity";

/**
 * What people at two ends read to each other once: ten words, 80 bits of SHA-256 over the party's name and keys.
 * Making other keys with the same words takes about 2⁸⁰ tries.
 */
export function fingerprintWords(party: PartyName, keys: readonly PublicKey[]): string {
  const digest = Buffer.from(digestOfJson({ party, keys }), "hex");
  return [...digest.subarray(0, FINGERPRINT_WORDS)].map((byte) => WORDS[byte]).join(" ");
}

const FINGERPRINT_WORDS = 10;

/** 256 short, common words that sound apart; a byte is an index. Never reorder: old print-outs would stop matching. */
export const WORDS: readonly string[] = `
acid actor agent album alley amber angle ankle apple apron arena arrow atlas attic autumn bacon
badge baker balcony bamboo banjo barrel basin basket beach beaver bell bench berry bishop blanket boat
bonus bottle boulder branch bread bridge bronze brush bucket buffalo butter button cabin cable cactus camel
camera canal candle canoe canvas carbon cargo carpet castle cattle cave cedar cello chalk cherry chess
chimney circle citrus clarinet cliff clover cobalt coconut coffee comet copper coral cotton cradle crater cricket
crown crystal cupboard curtain cymbal dagger daisy dancer deer denim desert diamond diary dinner dolphin donkey
dragon drawer drum eagle easel echo eclipse ebony elbow elephant ember engine envelope ermine fabric falcon
farmer feather fennel ferry fiddle finch flag flamingo flute forest fossil fountain fox freckle furnace galaxy
garden garlic gazelle geyser ginger giraffe glacier glove goblet granite grape gravel guitar hammer harbour harvest
hazel hedge helmet heron hockey honey horizon hotel hunter iceberg igloo indigo inkwell island ivory jacket
jaguar jasmine jelly jigsaw jungle juniper kayak kernel kettle kitchen koala ladder lagoon lantern lava lemon
leopard library lilac linen lizard lobster locket lotus magnet mango maple marble meadow melon meteor mirror
monkey mosaic muffin mustard napkin nectar needle nickel nutmeg oasis oatmeal ocean olive onion opal orbit
orchid otter oyster paddle palace panda paper parrot pebble pelican pepper piano pigeon pillow planet plaza
polka pony poplar potato prairie puzzle quartz quilt rabbit radish raven ribbon river robot rocket saddle
saffron salmon sandal satin saturn scarf shadow silver spider sponge squirrel tiger timber tulip walnut zebra
`
  .trim()
  .split(/\s+/);
