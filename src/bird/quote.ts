/**
 * The only ways for a word that a user chose to reach BIRD's text.
 *
 * BIRD's lexer knows no escapes inside a string: it ends at the next quotation mark, and a line break in it is an error.
 * So text is either free of both or not printed at all.
 */
import { err, ok, type Result } from '../result.ts';

export interface QuoteError {
  readonly kind: 'unquotable';
  /** Never contains the text itself, which may be a secret. */
  readonly message: string;
}

/** TCP MD5 keys have at most 80 bytes in Linux (TCP_MD5SIG_MAXKEYLEN). */
const longestPassword = 80;

/** Quotes a password, or says why it cannot be one: held down is better than a wrong or a missing key. */
export function quotePassword(secret: string): Result<string, QuoteError> {
  if (secret === '') return err({ kind: 'unquotable', message: 'the password is empty' });
  if (secret.length > longestPassword) {
    return err({ kind: 'unquotable', message: `the password has more than ${longestPassword} characters` });
  }
  if (!/^[\x20-\x7e]+$/.test(secret) || secret.includes('"')) {
    return err({
      kind: 'unquotable',
      message: 'the password has a quotation mark or a character outside printable ASCII, which BIRD cannot read',
    });
  }
  return ok(`"${secret}"`);
}

/** Text for people inside a string: what BIRD cannot read becomes `?`. Never for anything that means something. */
export function quoteText(text: string): string {
  return `"${sanitize(text)}"`;
}

/** Text for people after `#`: one line, printable. */
export function commentText(text: string): string {
  return sanitize(text);
}

/** Whether the text may stand as an interface pattern between quotation marks, as Calico allows them. */
export function isInterfacePattern(text: string): boolean {
  return /^[A-Za-z0-9_.*-]{1,15}$/.test(text);
}

/** Whether the text is a symbol that needs no quotes. */
export function isSymbol(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,62}$/.test(text);
}

function sanitize(text: string): string {
  return text.replace(/[^\x20-\x7e]|"/g, '?').slice(0, 200);
}
