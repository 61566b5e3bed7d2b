//! Who has how many credits. Every movement is a transfer between the places that [`Sums`] names.

use super::credits::Credits;
use super::numbers::Numbers;
use crate::ids::InstanceId;

/// What it costs to make one page.
pub const PAGE_PRICE: Credits = Credits::ONE;

/// The accounts of all instances, and the treasury between them.
///
/// An account belongs to whoever opened it and to those who share it: a family has as many credits as one instance, however many it launches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Those that nobody uses any more have nothing, and are given to who comes next.
    accounts: Vec<Account>,
    unused: Vec<usize>,
    /// The place of the account that each instance uses.
    places: Numbers<usize>,
    /// Rent that was paid and not yet paid out.
    treasury: Credits,
    /// Whether rent came in since dividends were paid.
    rent_came: bool,
    /// How often dividends were due.
    payments: u64,
    endowed: Credits,
    made: Credits,
    withdrawn: Credits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    opened_by: InstanceId,
    /// How many instances use it.
    users: u32,
    endowment: Credits,
    balance: Credits,
    /// What it was paid out last, and the number of that payment.
    dividend: Credits,
    paid: u64,
}

/// Where all credits are. Always `endowed = balances + treasury + made + withdrawn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// What all accounts there ever were began with.
    pub endowed: Credits,
    /// What accounts have.
    pub balances: Credits,
    /// Rent that is not paid out yet: less than a millionth for each account, once dividends were paid.
    pub treasury: Credits,
    /// What was spent on making pages.
    pub made: Credits,
    /// What accounts had when they were closed.
    pub withdrawn: Credits,
}

impl Sums {
    /// Whether nothing was lost and nothing came from nowhere.
    pub fn is_conserved(&self) -> bool {
        self.endowed == self.balances + self.treasury + self.made + self.withdrawn
    }
}

impl Ledger {
    /// Gives an instance an account. One that has an account keeps it as it is.
    pub fn open(&mut self, instance: InstanceId, endowment: Credits) {
        if self.places.contains_key(&instance.0) {
            return;
        }
        let endowment = endowment.min(Credits::MOST);
        self.endowed += endowment;
        let account = Account { users: 1, endowment, balance: endowment, ..Account::of(instance) };
        let place = match self.unused.pop() {
            Some(place) => {
                self.accounts[place] = account;
                place
            }
            None => {
                self.accounts.push(account);
                self.accounts.len() - 1
            }
        };
        self.places.insert(instance.0, place);
    }

    /// Lets an instance use the account of another one, as one of its own. If that one has none, neither has this one.
    pub fn share(&mut self, instance: InstanceId, with: InstanceId) {
        if self.places.contains_key(&instance.0) {
            return;
        }
        let Some(place) = self.place(with) else { return };
        self.places.insert(instance.0, place);
        self.accounts[place].users += 1;
    }

    /// Whose account an instance uses.
    pub fn owner(&self, instance: InstanceId) -> Option<InstanceId> {
        self.account(instance).map(|account| account.opened_by)
    }

    /// Where the account is that an instance uses: below [`Ledger::places`], and the same for all who share it.
    pub fn place(&self, instance: InstanceId) -> Option<usize> {
        self.places.get(&instance.0).copied()
    }

    /// How many places of accounts there are.
    pub fn places(&self) -> usize {
        self.accounts.len()
    }

    /// An instance is gone. With the last one that uses it an account ends and takes along what it has left, and after the last account so does
    /// the treasury.
    pub fn close(&mut self, instance: InstanceId) {
        let Some(place) = self.places.remove(&instance.0) else { return };
        let account = &mut self.accounts[place];
        account.users -= 1;
        if account.users > 0 {
            return;
        }
        self.withdrawn += account.balance;
        *account = Account::of(InstanceId(0));
        self.unused.push(place);
        if self.unused.len() == self.accounts.len() {
            self.withdrawn += std::mem::take(&mut self.treasury);
        }
    }

    /// Takes what `pages` new pages cost, or all there is, and returns what was taken. Nobody is kept from making pages that are free
    /// by being poor: who has spent everything only has nothing left to bid.
    pub fn make_pages(&mut self, instance: InstanceId, pages: u64) -> Credits {
        let paid = self.take(instance, PAGE_PRICE.times(pages));
        self.made += paid;
        paid
    }

    /// Moves rent to the treasury, all that is due or all there is, and returns how much it was.
    pub fn pay_rent(&mut self, instance: InstanceId, due: Credits) -> Credits {
        let paid = self.take(instance, due);
        self.treasury += paid;
        self.rent_came |= paid > Credits::ZERO;
        paid
    }

    /// Pays the treasury out, to each account in proportion to its endowment. Shares are rounded down, and the rest stays for the next
    /// time that rent comes in. Until then there is nothing to do, however many accounts there are.
    pub fn pay_dividends(&mut self) {
        self.payments += 1;
        if !std::mem::take(&mut self.rent_came) {
            return;
        }
        let revenue = self.treasury;
        let endowments: Credits = self.accounts.iter().map(|account| account.endowment).sum();
        // Most began with as much as the one before, and divisions of such large numbers take long.
        let (mut endowment, mut dividend) = (Credits::ZERO, Credits::ZERO);
        for account in &mut self.accounts {
            if account.endowment != endowment {
                endowment = account.endowment;
                dividend = revenue.share(endowment, endowments);
            }
            account.dividend = dividend;
            account.paid = self.payments;
            account.balance += dividend;
            self.treasury -= dividend;
        }
    }

    /// What an account has and received, by its place, as [`Ledger::balance`] and [`Ledger::dividend`] say.
    pub fn statement(&self, place: usize) -> (Credits, Credits) {
        let account = &self.accounts[place];
        (account.balance, self.last_dividend(account))
    }

    /// What an instance has left to spend; nothing without an account.
    pub fn balance(&self, instance: InstanceId) -> Credits {
        self.account(instance).map_or(Credits::ZERO, |account| account.balance)
    }

    /// What an instance received when dividends were due last.
    pub fn dividend(&self, instance: InstanceId) -> Credits {
        self.account(instance).map_or(Credits::ZERO, |account| self.last_dividend(account))
    }

    /// Where all credits are.
    pub fn sums(&self) -> Sums {
        Sums {
            endowed: self.endowed,
            balances: self.accounts.iter().map(|account| account.balance).sum(),
            treasury: self.treasury,
            made: self.made,
            withdrawn: self.withdrawn,
        }
    }

    fn last_dividend(&self, account: &Account) -> Credits {
        if account.paid == self.payments { account.dividend } else { Credits::ZERO }
    }

    fn account(&self, instance: InstanceId) -> Option<&Account> {
        Some(&self.accounts[self.place(instance)?])
    }

    fn take(&mut self, instance: InstanceId, most: Credits) -> Credits {
        let Some(place) = self.place(instance) else { return Credits::ZERO };
        let account = &mut self.accounts[place];
        let taken = most.min(account.balance);
        account.balance -= taken;
        taken
    }
}

impl Account {
    /// An account with nothing in it.
    fn of(opened_by: InstanceId) -> Self {
        let (endowment, balance, dividend) = (Credits::ZERO, Credits::ZERO, Credits::ZERO);
        Account { opened_by, users: 0, endowment, balance, dividend, paid: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InstanceId = InstanceId(1);
    const B: InstanceId = InstanceId(2);

    fn ledger(a: u64, b: u64) -> Ledger {
        let mut ledger = Ledger::default();
        ledger.open(A, Credits::whole(a));
        ledger.open(B, Credits::whole(b));
        ledger
    }

    #[test]
    fn rent_comes_back_in_proportion_to_endowments() {
        let mut ledger = ledger(30, 10);
        assert_eq!(ledger.pay_rent(A, Credits::whole(8)), Credits::whole(8));
        ledger.pay_dividends();
        assert_eq!((ledger.dividend(A), ledger.dividend(B)), (Credits::whole(6), Credits::whole(2)));
        assert_eq!((ledger.balance(A), ledger.balance(B)), (Credits::whole(28), Credits::whole(12)));
        ledger.pay_dividends();
        assert_eq!(ledger.dividend(A), Credits::ZERO);
        assert!(ledger.sums().is_conserved());
    }

    #[test]
    fn who_comes_after_a_payment_has_received_nothing() {
        let mut ledger = Ledger::default();
        ledger.pay_dividends();
        ledger.open(A, Credits::ONE);
        assert_eq!(ledger.dividend(A), Credits::ZERO);
        ledger.pay_rent(A, Credits::ONE);
        ledger.pay_dividends();
        ledger.open(B, Credits::ONE);
        assert_eq!((ledger.dividend(A), ledger.dividend(B)), (Credits::ONE, Credits::ZERO));
    }

    #[test]
    fn what_cannot_be_divided_stays_in_the_treasury() {
        let mut ledger = ledger(1, 1);
        ledger.open(InstanceId(3), Credits::ONE);
        ledger.pay_rent(A, Credits::from_millionths(5));
        ledger.pay_dividends();
        assert_eq!(ledger.dividend(B), Credits::from_millionths(1));
        assert_eq!(ledger.sums().treasury, Credits::from_millionths(2));
        ledger.pay_rent(A, Credits::from_millionths(1));
        ledger.pay_dividends();
        assert_eq!(ledger.sums().treasury, Credits::ZERO);
        assert!(ledger.sums().is_conserved());
    }

    #[test]
    fn nobody_pays_more_than_it_has() {
        let mut ledger = ledger(3, 1);
        assert_eq!(ledger.make_pages(A, 2), Credits::whole(2));
        assert_eq!(ledger.make_pages(A, 2), Credits::whole(1));
        assert_eq!(ledger.pay_rent(A, Credits::ONE), Credits::ZERO);
        assert_eq!(ledger.pay_rent(InstanceId(9), Credits::ONE), Credits::ZERO);
        assert!(ledger.sums().is_conserved());
    }

    #[test]
    fn an_account_is_opened_once() {
        let mut ledger = ledger(3, 1);
        ledger.make_pages(A, 2);
        ledger.open(A, Credits::whole(100));
        assert_eq!(ledger.balance(A), Credits::ONE);
        assert!(ledger.sums().is_conserved());
    }

    #[test]
    fn those_who_share_an_account_have_together_what_one_would_have() {
        let (mut ledger, child) = (ledger(30, 10), InstanceId(3));
        ledger.share(child, A);
        ledger.share(InstanceId(4), child);
        assert_eq!((ledger.balance(child), ledger.owner(InstanceId(4))), (Credits::whole(30), Some(A)));
        ledger.make_pages(child, 6);
        ledger.pay_rent(InstanceId(4), Credits::whole(8));
        ledger.pay_dividends();
        assert_eq!((ledger.balance(A), ledger.dividend(child)), (Credits::whole(22), Credits::whole(6)));
        // Who opened it may go before the others.
        ledger.close(A);
        ledger.close(InstanceId(4));
        assert_eq!((ledger.balance(A), ledger.balance(child)), (Credits::ZERO, Credits::whole(22)));
        assert_eq!(ledger.sums().withdrawn, Credits::ZERO);
        ledger.close(child);
        assert_eq!(ledger.sums().withdrawn, Credits::whole(22));
        assert!(ledger.sums().is_conserved());
        ledger.share(child, A);
        assert_eq!((ledger.owner(child), ledger.balance(child)), (None, Credits::ZERO));
    }

    #[test]
    fn nothing_is_left_when_all_are_gone() {
        let mut ledger = ledger(3, 1);
        ledger.pay_rent(A, Credits::ONE);
        ledger.close(A);
        assert_eq!(ledger.sums().treasury, Credits::ONE, "it belongs to who stays");
        ledger.close(B);
        ledger.close(B);
        let sums = ledger.sums();
        assert_eq!(
            (sums.treasury, sums.balances, sums.withdrawn),
            (Credits::ZERO, Credits::ZERO, sums.endowed)
        );
    }
}
