/** What a set of numbers is before it becomes text. */

/** One number, and which of its family it is. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Numbers of one kind. */
export interface Family {
  readonly name: string;
  readonly help: string;
  /** Names of the labels that each sample has. */
  readonly labels: readonly string[];
  readonly samples: readonly Sample[];
}

/** A family whose samples differ in what they count alone, by the label `item`. */
export function itemFamily(name: string, help: string, items: Readonly<Record<string, number>>): Family {
  return { name, help, labels: ['item'], samples: itemSamples(items) };
}

/** Samples with a label `item`, and the same other ones. What is no number is left out. */
export function itemSamples(
  items: Readonly<Record<string, number>>,
  others: Readonly<Record<string, string>> = {},
): readonly Sample[] {
  const numbers = Object.entries(items).filter(([, value]) => Number.isFinite(value));
  return numbers.map(([item, value]) => ({ labels: { ...others, item }, value }));
}

/** A family of one number; of none where it is not known. */
export function single(name: string, help: string, value: number): Family {
  return { name, help, labels: [], samples: Number.isFinite(value) ? [{ labels: {}, value }] : [] };
}

/** Numbers by the names of their columns; a column that a line has not is left out. */
export function columns(names: readonly string[], line: readonly string[]): Readonly<Record<string, number>> {
  const present = names.slice(0, line.length);
  return Object.fromEntries(present.map((name, index) => [name, Number(line[index])]));
}

/** The words of a line. */
export function words(line: string): readonly string[] {
  return line.split(/\s+/).filter((word) => word !== '');
}
