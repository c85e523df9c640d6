/**
 * The table of features as docs/design/interop.md shows it.
 *
 *   features, gaps → [matrixText] → Markdown between the two marks of the document
 */
import { type Feature, features, gaps } from './features.ts';
import { type PeerName, peerNames } from './peer.ts';

const titles: Readonly<Record<PeerName, string>> = {
  frr: 'FRR 8.4',
  gobgp: 'GoBGP 3.10',
  exabgp: 'ExaBGP 4.2',
  openbgpd: 'OpenBGPD 7.7',
  bird: 'BIRD 2.0.12',
};

/** A gap is a number, told below the table. */
export function matrixText(): string {
  const notes: string[] = [];
  const cell = (name: PeerName, feature: Feature): string => {
    const gap = gaps[name][feature];
    if (gap === undefined) return 'yes';
    notes.push(gap);
    return `no (${notes.length})`;
  };
  const row = (words: readonly string[]): string => `| ${words.join(' | ')} |`;
  const rows = (Object.keys(features) as Feature[]).map((feature) =>
    row([features[feature], ...peerNames.map((name) => cell(name, feature))]),
  );
  const head = [row(['', ...peerNames.map((name) => titles[name])]), row(Array(peerNames.length + 1).fill('---'))];
  return [...head, ...rows, '', ...notes.map((note, index) => `${index + 1}. ${note}.`)].join('\n');
}
