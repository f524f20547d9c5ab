interface Reason {
  readonly title: string;
  readonly lines: readonly (readonly [name: string, words: string])[];
}

/** Where each privacy figure comes from. */
export const REASONS = {
  spent: {
    title: "ε spent at a site",
    lines: [
      [
        "What",
        "all that any study did to this data set: training, metrics, audits. A charge counts before a sample is drawn.",
      ],
      [
        "Formula",
        "the largest over the parts train, validation and audit: a patient is in one part only, so parts never add.",
      ],
      [
        "Accountant",
        "Rényi DP summed over all charges (Mironov, Talwar & Zhang 2019), at δ by Canonne, Kamath & Steinke 2020.",
      ],
      ["Assumes", "neighbours differ by one patient with all records; no patient is at two sites. Shown rounded up."],
      [
        "As signed",
        "a cap is shown as the steward signed it with the newest approval; a lower one set since holds at the site at " +
          "once and is told with the next approval.",
      ],
    ],
  },
  increments: {
    title: "How ε is told apart",
    lines: [
      [
        "Composed",
        "ε of several studies together is less than the sum of each one's own, so no study has a share by itself.",
      ],
      [
        "Increments",
        "each charge is told what it raised the composed ε by when it was booked, after all that were booked before; " +
          "these increments add up to ε.",
      ],
      ["Order", "in another order the increments would be others; the pile's top would be the same."],
      [
        "Accountant",
        "the filter that caps are held against: Rényi DP summed over the charges, at δ. Shown rounded up.",
      ],
      ["Steps", "a ledger with more charges than the plot has points is drawn in runs of charges; its end is exact."],
    ],
  },
  shared: {
    title: "A patient at several sites",
    lines: [
      ["What", "ε of a patient who is at all sites of a group at once, over all studies, reservations counted."],
      [
        "Formula",
        "each site's noise is its own, so Rényi divergences add, order by order (Mironov 2017, Proposition 1), for the " +
          "costliest choice of a part at each site.",
      ],
      ["Declared", "by the study; no site knows another's patients, so no cap is held against it."],
    ],
  },
  highest: {
    title: "The site that spent most",
    lines: [
      ["What", "the largest ε over the study's sites. Sites' patients differ, so their figures never add."],
      ["Assumes", "no patient is at two sites; a patient at k of them may pay up to k times."],
      ["Cap", "each site's steward set its own; both the site and the coordinator refuse a round that would pass it."],
      [
        "As signed",
        "a cap is shown as the steward signed it with the newest approval; a lower one set since holds at the site at " +
          "once and is told with the next approval.",
      ],
    ],
  },
  metric: {
    title: "A noised metric",
    lines: [
      ["What", "each site sends its validation patients' scores as a histogram with discrete Laplace noise."],
      ["Interval", "95 %, for the patients drawn and for the noise together."],
      ["Cost", "pure ε for each point, charged to the validation part; training patients pay nothing for it."],
    ],
  },
  attack: {
    title: "AUC of a membership attack",
    lines: [
      ["What", "how well outputs tell training patients from patients never seen: 0.5 is a coin toss, 1 is certainty."],
      ["From", "noised histograms of attack scores; no score of a patient leaves its site."],
      ["Interval", "simultaneous over the attacks tried, noise and bins included."],
      ["Not", "a bound on ε: that is the ledger's claim, proven by accounting."],
    ],
  },
  claimed: {
    title: "Claimed ε",
    lines: [
      ["What", "ε of this study for any one part of a site's patients: the part that pays most."],
      [
        "Accountant",
        "the whole signed schedule by privacy loss distributions (PLD), where no site went beyond it; else what was " +
          "charged, by Rényi differential privacy (RDP), as caps count it. Both at the study's δ, re-computed by verify.",
      ],
      [
        "Parts",
        "training patients pay for training and their half of the audit, validation patients for the metrics, the audit " +
          "hold-out for the other half; a patient is in one part, so parts never add.",
      ],
      ["Check", "consilium budget verify on the coordinator, consilium-site budget verify at each site."],
    ],
  },
} as const satisfies Record<string, Reason>;

export type ReasonName = keyof typeof REASONS;
