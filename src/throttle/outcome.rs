//! What becomes of a line's grants, and what answers tell it.

use std::time::{Duration, Instant};

use super::Bucket;
use super::ask::Lane;
use super::bucket::Charge;
use super::line::Line;
use super::turns::Grant;
use crate::headers::Quota;

impl Line {
    /// Works on each bucket that a grant charged.
    pub(super) fn each(&mut self, grant: Grant, now: Instant, work: impl Fn(&mut Bucket, Charge)) {
        if let Some((id, charge)) = grant.lane
            && let Some(bucket) = self.lanes.get_mut(id)
        {
            work(bucket, charge);
            self.place(Some(id), now);
        }
        work(&mut self.common, grant.common);
    }

    /// Ends a grant with what its answer tells, of the bucket that it names where that is not the one that was charged.
    pub(super) fn settle(&mut self, grant: Grant, quotas: &[Quota], named: Option<&str>, now: Instant) {
        let of_lane = self.lanes_tell && grant.lane.is_some();
        let (own, common): (&[Quota], &[Quota]) = if of_lane { (quotas, &[]) } else { (&[], quotas) };
        if let Some((id, charge)) = grant.lane {
            let charged = self.lanes.resolve(id);
            let queues = &self.queues;
            let told =
                named.filter(|_| of_lane).map(|name| self.lanes.named(name, now, |id| queues.is_awaited(Some(id))));
            if let Some(told) = told.filter(|told| *told != charged) {
                if let Some(bucket) = self.lanes.get_mut(charged) {
                    bucket.dismiss();
                }
                if let Some(bucket) = self.lanes.get_mut(told) {
                    bucket.adopt(charge.place().0, own, now);
                }
                self.place(Some(told), now);
            } else if let Some(bucket) = self.lanes.get_mut(charged) {
                bucket.settle(charge, own, now);
            }
            self.place(Some(charged), now);
        }
        self.common.settle(grant.common, common, now);
    }

    /// Takes in quotas that an answer of this lane told beyond its head.
    pub(super) fn learn(&mut self, lane: Option<Lane<'_>>, quotas: &[Quota], now: Instant) {
        let Some(lane) = lane.filter(|_| self.lanes_tell) else { return self.common.learn(now, quotas, now) };
        let id = self.bucket_of(lane, now);
        if let Some(bucket) = self.lanes.get_mut(id) {
            bucket.learn(now, quotas, now);
        }
        self.place(Some(id), now);
    }

    pub(super) fn delayed(&mut self, grant: &Grant, delay: Duration, now: Instant) {
        if let Some((id, _)) = &grant.lane
            && let Some(bucket) = self.lanes.get_mut(*id)
        {
            bucket.delayed(delay, now);
            self.place(Some(*id), now);
        }
        self.common.delayed(delay, now);
        if let Some(leases) = &mut self.leases {
            leases.delayed(delay, now);
        }
    }
}
