/** Which reports of links are news. */
import { describe, expect, it } from 'vitest';
import { linkNews } from './link-news.ts';
import type { LinkReport } from './link-report.ts';

const report = (change: Partial<LinkReport> = {}): LinkReport => ({
  attachment: 'vpn',
  interfaceName: 'vpn1',
  kind: 'ipsec',
  driver: 'kernel-xfrm',
  state: 'up',
  reason: null,
  mtu: 1438,
  ...change,
});

const said = (before: readonly LinkReport[], after: readonly LinkReport[]) =>
  linkNews(before, after).map(({ level, message, fields }) => [level, message, fields['reason']]);

describe('the log of links', () => {
  const down = report({ state: 'down', reason: 'the peer does not answer' });
  const refused = report({ state: 'down', reason: 'the peer accepts none of the proposals' });
  const failed = report({ state: 'failed', reason: 'charon does not answer' });

  it.each([
    { what: 'a link that came up', before: [], after: [report()], news: [['info', 'link up', undefined]] },
    { what: 'one that was lost', before: [report()], after: [down], news: [['info', 'link down', down.reason]] },
    { what: 'another reason', before: [down], after: [refused], news: [['info', 'link down', refused.reason]] },
    { what: 'one that failed', before: [down], after: [failed], news: [['error', 'link failed', failed.reason]] },
    { what: 'one that went', before: [down], after: [], news: [['info', 'link gone', undefined]] },
    { what: 'nothing where it is as it was', before: [failed], after: [{ ...failed }], news: [] },
    { what: 'nothing where its MTU alone changed', before: [report()], after: [report({ mtu: 1400 })], news: [] },
    {
      what: 'a device that another Attachment took over',
      before: [report()],
      after: [report({ attachment: 'other' })],
      news: [['info', 'link up', undefined]],
    },
  ])('tells $what', ({ before, after, news }) => expect(said(before, after)).toEqual(news));

  it('says which link, of what kind, and by which driver', () => {
    expect(linkNews([], [report()])[0]?.fields).toEqual({
      interface: 'vpn1',
      attachment: 'vpn',
      kind: 'ipsec',
      driver: 'kernel-xfrm',
    });
  });
});
