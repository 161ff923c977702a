-- Finds the dials of the last days, by which limits a day and a week are counted.

CREATE INDEX legs_of_clients ON legs (intended) WHERE role = 'client';
