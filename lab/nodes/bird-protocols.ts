/** What BIRD says over its control socket about sessions, for the checks and for the evidence folder. */
import type { SessionState } from './node.ts';

/** One entry per protocol of type BGP, in BIRD's order. */
export function parseProtocols(text: string): SessionState[] {
  const sessions: SessionState[] = [];
  for (const block of text.split(/\n(?=\S)/)) {
    if (!/^\S+\s+BGP\s/.test(block)) continue;
    const field = (label: string): string => new RegExp(`^\\s+${label}:\\s+(.*?)\\s*$`, 'm').exec(block)?.[1] ?? '';
    const state = field('BGP state') || 'Down';
    const neighbor = field('Neighbor address').replace(/%.*$/, '');
    const lastError = field('Last error');
    sessions.push({
      neighbor,
      remoteAs: Number(field('Neighbor AS')),
      isEstablished: state === 'Established',
      state: lastError === '' ? state : `${state} (${lastError})`,
    });
  }
  return sessions;
}

/** Commands that show a BIRD's state. */
export function birdEvidence(socket: string): Readonly<Record<string, readonly string[]>> {
  return {
    'bird-protocols.txt': ['birdc', '-s', socket, 'show', 'protocols', 'all'],
    'bird-routes.txt': ['birdc', '-s', socket, 'show', 'route', 'all'],
  };
}
