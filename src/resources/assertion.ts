/** Assertion: an intent that must stay true; validated and kept, not yet proved (product.md §2). */
export interface AssertionSpec {
  readonly from: AssertionEnd;
  readonly to: AssertionEnd;
  readonly protocol?: string | number;
  readonly ports?: readonly (string | number)[];
  readonly expect: 'Allow' | 'Deny';
  /** A Router that the traffic goes through. */
  readonly via?: string;
}

/** Exactly one key is present. */
export interface AssertionEnd {
  readonly selector?: string;
  readonly nets?: readonly string[];
  readonly site?: string;
}
