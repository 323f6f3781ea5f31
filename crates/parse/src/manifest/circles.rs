//! Circles of names that refer to each other.

/// The circles of a graph, at least one of each knot, each beginning at its first member.
pub(super) fn circles(next: &[Vec<usize>]) -> Vec<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum VisitState {
        Never,
        OnThePath,
        Done,
    }
    let mut seen = vec![VisitState::Never; next.len()];
    let mut circles = Vec::new();
    for start in 0..next.len() {
        // The path from the start, each with how many of its successors were gone through.
        let mut path = Vec::new();
        if seen[start] == VisitState::Never {
            seen[start] = VisitState::OnThePath;
            path.push((start, 0));
        }
        while let Some((at, through)) = path.last_mut() {
            let Some(successor) = next[*at].get(*through).copied() else {
                seen[*at] = VisitState::Done;
                path.pop();
                continue;
            };
            *through += 1;
            match seen[successor] {
                VisitState::Never => {
                    seen[successor] = VisitState::OnThePath;
                    path.push((successor, 0));
                }
                VisitState::OnThePath => {
                    let from = path
                        .iter()
                        .position(|(at, _)| *at == successor)
                        .unwrap_or_default();
                    let mut circle: Vec<usize> = path[from..].iter().map(|(at, _)| *at).collect();
                    let first = circle
                        .iter()
                        .enumerate()
                        .min_by_key(|(_, at)| **at)
                        .map_or(0, |(place, _)| place);
                    circle.rotate_left(first);
                    circles.push(circle);
                }
                VisitState::Done => {}
            }
        }
    }
    circles
}
