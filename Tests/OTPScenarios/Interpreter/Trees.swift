internal import Actors

/// Supervisors as a scenario declares them:
///
///     supervisor top one_for_one restarts 1 in 5s auto any
///       child a transient significant
struct Trees {
    let stage: Stage
}
